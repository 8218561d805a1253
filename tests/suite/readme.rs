//! The README's session is what really happens: its commands are run, and what they print is compared.
//!
//! Hashes, keys, times and random ids differ from run to run; they are compared by their shape.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const PORT: &str = "8087";

/// A command of the session, and what the README says it prints.
struct Step {
    command: String,
    output: Vec<String>,
}

#[test]
fn the_session_of_the_readme_is_what_happens() {
    let readme = std::fs::read_to_string(README).unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let home = tempfile::tempdir().unwrap();
    let mut servers = Servers(Vec::new());
    let steps = session(&readme);
    assert!(
        steps.len() >= 5,
        "the README has a session of only {} commands",
        steps.len()
    );
    for step in steps {
        let command = step.command.replace(PORT, &free);
        if let Some(server) = command.strip_suffix('&') {
            servers.0.push(
                shell(server, home.path(), &free)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap(),
            );
            wait_for(&free);
            continue;
        }
        let output = shell(&command, home.path(), &free).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let found: Vec<String> = said.replace(&free, PORT).lines().map(shape).collect();
        let expected: Vec<String> = step.output.iter().map(|line| shape(line)).collect();
        assert_eq!(found, expected, "$ {}\nprints:\n{said}", step.command);
    }
}

#[test]
fn the_two_commands_of_the_readme_are_what_ci_runs() {
    let readme = std::fs::read_to_string(README).unwrap();
    let blocks: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::trim)
        .collect();
    assert_eq!(
        blocks.first(),
        Some(&"cargo run --locked -- demo --dir demo")
    );
    assert_eq!(blocks.get(1), Some(&"cargo test --locked"));
    let ci = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/run")).unwrap();
    for command in &blocks[..2] {
        assert!(
            ci.contains(command.trim_end_matches("demo")),
            ".ci/run does not run `{command}`"
        );
    }
}

#[test]
fn shapes_forget_what_differs_and_keep_what_matters() {
    assert_eq!(
        shape("entry 3 at 2026-11-22T09:30:00.123Z "),
        "entry 3 at <time>"
    );
    assert_eq!(
        shape("root 87cbd349cf06b1e30a944f7463cde15ebdb86779cbc986ac9fdccfb33f9eeac5"),
        "root <hex>"
    );
    assert_ne!(shape("verified: 3 entries"), shape("verified: 4 entries"));
}

struct Servers(Vec<Child>);

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &mut self.0 {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// Runs a line as a shell would in `directory`, with `exhibit` on the path. The server replaces its shell, so that it
/// can be killed. The README's server is the default one; here it is where a port was free.
fn shell(line: &str, directory: &Path, port: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_exhibit")).parent().unwrap();
    let path = format!(
        "{}:{}",
        programs.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("exec {line}")])
        .current_dir(directory)
        .env("PATH", path)
        .env("XDG_STATE_HOME", directory)
        .env("EXHIBIT_SERVER", format!("http://127.0.0.1:{port}"));
    command
}

fn wait_for(port: &str) {
    for _ in 0..200 {
        if TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server of the README does not listen");
}

/// The commands of the `console` blocks behind the mark `<!-- session -->`. A command goes on after a backslash.
fn session(readme: &str) -> Vec<Step> {
    let text = readme
        .split("<!-- session -->")
        .nth(1)
        .expect("the README has a session");
    let mut steps: Vec<Step> = Vec::new();
    for block in text
        .split("```console\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
    {
        let mut goes_on = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    command: command.to_owned(),
                    output: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                if goes_on {
                    step.command =
                        step.command.trim_end_matches('\\').to_owned() + line.trim_start();
                } else {
                    step.output.push(line.to_owned());
                }
            }
            goes_on = (goes_on || line.starts_with("$ ")) && line.ends_with('\\');
        }
    }
    steps
}

/// A line with times, long hexadecimal numbers and base64 replaced by their names.
fn shape(line: &str) -> String {
    if line.starts_with("bytes  ") {
        // What compression makes of hashes is never twice the same.
        return "bytes  <number>".to_owned();
    }
    line.trim_end()
        .split(' ')
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

fn word(word: &str) -> String {
    let core = word.trim_end_matches([',', '.', ';', ')']);
    let tail = &word[core.len()..];
    let hex = |text: &str| text.len() >= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let time =
        core.len() >= 20 && core.ends_with('Z') && core.as_bytes()[4] == b'-' && core.contains('T');
    if time {
        format!("<time>{tail}")
    } else if hex(core) {
        format!("<hex>{tail}")
    } else if core.len() >= 40 && core.contains('+') {
        let name = core.split('+').next().unwrap_or_default();
        format!("{name}+<key>{tail}")
    } else {
        word.to_owned()
    }
}
