//! Tells code from comments and literals, as far as the rules need it.

/// A source text seen twice, both with the line breaks of the original.
#[derive(Debug)]
pub(super) struct Views {
    /// The text with comments and the insides of literals blanked out.
    pub(super) code: String,
    /// Only the insides of literals.
    pub(super) literals: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// Splits `text` into its [`Views`].
pub(super) fn views(text: &str) -> Views {
    let chars: Vec<char> = text.chars().collect();
    let mut views = Views { code: String::new(), literals: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let (part, length) = token(&chars[at..]);
        for &c in &chars[at..at + length] {
            let blank = if c == '\n' { c } else { ' ' };
            views.code.push(if part == Part::Code { c } else { blank });
            views.literals.push(if part == Part::Literal { c } else { blank });
        }
        at += length;
    }
    views
}

/// What `rest`, which is not empty, starts with, and how long that is.
fn token(rest: &[char]) -> (Part, usize) {
    match rest {
        ['/', '/', ..] => (Part::Comment, position(rest, |rest| rest[0] == '\n')),
        ['/', '*', ..] => (Part::Comment, block_comment(rest)),
        ['"', ..] => (Part::Literal, quoted(rest, '"')),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Part::Literal, quoted(rest, '\'')),
        [c, ..] if is_word(*c) => {
            let word = position(rest, |rest| !is_word(rest[0]));
            let hashes = rest[word..].iter().take_while(|&&c| c == '#').count();
            let is_raw = matches!(rest[..word], ['r'] | ['b' | 'c', 'r']);
            if is_raw && rest.get(word + hashes) == Some(&'"') {
                (Part::Literal, raw_string(rest, word + hashes + 1, hashes))
            } else {
                (Part::Code, word)
            }
        }
        _ => (Part::Code, 1),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How far it is to the first place where `found` holds, or to the end.
fn position(rest: &[char], found: impl Fn(&[char]) -> bool) -> usize {
    (0..rest.len()).find(|&at| found(&rest[at..])).unwrap_or(rest.len())
}

fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[char], start: usize, hashes: usize) -> usize {
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    let inside = position(&rest[start..], closes);
    (start + inside + 1 + hashes).min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        views(text).code.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
        assert_eq!(words(r#"a "b \" c" d b"e" f"#), ["a", "d", "b", "f"]);
        assert_eq!(words("a r#\"b \" c\"# d cr\"\\\" e"), ["a", "d", "e"]);
    }

    #[test]
    fn a_lifetime_is_code_and_a_character_is_not() {
        assert_eq!(words("&'a str, 'x', '\\'', '\"' b"), ["&'a", "str,", ",", ",", "b"]);
    }

    #[test]
    fn both_views_keep_the_lines() {
        let text = "a\n/* b\n */ \"c\nd\" e\n";
        let views = views(text);
        assert_eq!(views.code.lines().count(), text.lines().count());
        assert_eq!(views.literals.lines().nth(3).unwrap().trim(), "d\"");
    }

    #[test]
    fn an_unfinished_text_ends() {
        for text in ["\"a", "/* a", "r#\"a", "'\\", "'", "r#"] {
            assert_eq!(views(text).code.chars().count(), text.chars().count(), "{text}");
        }
    }
}
