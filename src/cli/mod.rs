//! The command line: commands, output, progress, exit codes.
