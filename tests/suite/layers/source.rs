//! One source file, read far enough to tell which modules and crates it uses and how long its functions are.

/// A source file without its comments, strings and tests.
pub(super) struct Source {
    pub(super) path: String,
    /// The first folder under `src`, or the file's own name where it stands in `src` itself.
    pub(super) layer: String,
    /// How many modules deep the file stands.
    depth: usize,
    /// The code, line for line as in the file.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut modules: Vec<&str> = inner.split('/').collect();
        let layer = modules[0].to_owned();
        modules.retain(|module| !["mod", "lib", "main"].contains(module));
        let mut code = bare(text);
        let is_test = modules
            .iter()
            .any(|module| ["tests", "sample"].contains(module));
        if is_test {
            code.clear();
        }
        // Tests stand last in a file.
        if let Some(tests) = code.find("#[cfg(test)]\nmod tests {") {
            code.truncate(tests);
        }
        Self {
            path: path.to_owned(),
            layer,
            depth: modules.len(),
            code,
        }
    }

    /// The first name of every path from the crate's root: after `crate::`, `exhibit::`, or enough `super::`.
    pub(super) fn crate_paths(&self) -> Vec<String> {
        let mut found = self.paths_from("crate");
        found.extend(self.paths_from("exhibit"));
        for (at, _) in self.code.match_indices("super::") {
            let before = self.code[..at].trim_end();
            if before.ends_with("super::") {
                continue;
            }
            let mut rest = &self.code[at..];
            let mut up = 0;
            while let Some(after) = rest.strip_prefix("super::") {
                rest = after;
                up += 1;
            }
            if up >= self.depth {
                found.extend(first_names(rest));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// The first name of every path from this crate.
    pub(super) fn paths_from(&self, root: &str) -> Vec<String> {
        let start = format!("{root}::");
        let whole = |at: usize| !self.code[..at].ends_with(|c: char| is_word(c) || c == ':');
        let starts = self.code.match_indices(&start).filter(|(at, _)| whole(*at));
        starts
            .flat_map(|(at, _)| first_names(&self.code[at + start.len()..]))
            .collect()
    }

    /// Whether it names a crate: in a path, or in a `use`.
    pub(super) fn names_crate(&self, name: &str) -> bool {
        !self.paths_from(name).is_empty() || self.code.contains(&format!("use {name};"))
    }

    pub(super) fn has_word(&self, word: &str) -> bool {
        self.code.split(|c| !is_word(c)).any(|found| found == word)
    }

    /// Every function with a body, and its length in lines.
    pub(super) fn functions(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for (at, _) in self.code.match_indices("fn ") {
            if self.code[..at].ends_with(is_word) {
                continue;
            }
            let rest = &self.code[at + 3..];
            let name: String = rest.chars().take_while(|c| is_word(*c)).collect();
            if let Some(end) = body_end(rest).filter(|_| !name.is_empty()) {
                found.push((name, rest[..end].lines().count()));
            }
        }
        found
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names that a path may go on with: one, or each of a group's.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        let name: String = path.chars().take_while(|c| is_word(*c)).collect();
        return if name.is_empty() { vec![] } else { vec![name] };
    };
    let (mut names, mut depth, mut name) = (Vec::new(), 0usize, String::new());
    let mut whole = false;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                whole = false;
            }
            _ if depth == 0 && !whole && is_word(c) => name.push(c),
            _ if depth == 0 && !name.is_empty() => whole = true,
            _ => {}
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

/// Where a function's body ends, from behind `fn`; `None` without a body.
fn body_end(signature: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut in_body = false;
    for (at, c) in signature.char_indices() {
        match c {
            ';' if depth == 0 => return None,
            '{' | '(' | '[' => {
                in_body |= c == '{' && depth == 0;
                depth += 1;
            }
            '}' | ')' | ']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && in_body {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text without comments and without what stands in strings, with all its line ends.
fn bare(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest).filter(|_| !code.ends_with(is_word)) {
            length
        } else if c == '"' {
            quoted(rest)
        } else {
            character(rest)
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of a raw string at the front.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let content = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = content.find(&close)?;
    Some(text.len() - content.len() + end + close.len())
}

/// The length of a string at the front.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal at the front; 0 for a lifetime and anything else.
fn character(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('\'') else {
        return 0;
    };
    if inner.starts_with('\\') {
        return inner[2..].find('\'').map_or(0, |end| end + 4);
    }
    let Some(c) = inner.chars().next() else {
        return 0;
    };
    if inner[c.len_utf8()..].starts_with('\'') {
        c.len_utf8() + 2
    } else {
        0
    }
}
