//! Compiles the gRPC definitions with `protox`, in Rust alone, so that nothing but cargo is needed to build.

#[cfg(feature = "server")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file("exhibit/v1/ledger.proto")?;
    // For the reflection service.
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("exhibit.v1.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .bytes(".exhibit.v1")
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .skip_protoc_run()
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

#[cfg(not(feature = "server"))]
fn main() {}
