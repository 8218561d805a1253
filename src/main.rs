//! Parses, runs, and gives the exit code.

/// Events are made on one thread and dropped on another, thousands of pieces at a time, which is what the system's
/// allocator is slowest at: it took a fifth of the server's time.
#[cfg(feature = "server")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    exhibit::cli::main()
}
