//! Parses, runs, and gives the exit code.

fn main() -> std::process::ExitCode {
    exhibit::cli::main()
}
