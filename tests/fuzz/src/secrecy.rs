//! What an error may not repeat.

/// Characters of one stretch that tell somebody's number, token or key.
const TELLING: usize = 8;

/// Panics when `said` repeats of `given` a stretch of letters and digits that is long enough to tell something and
/// holds a digit, as every number, token and key does. `known` is the fixed text of the message.
pub(crate) fn repeats_nothing(said: &str, given: &str, known: &str) {
    let given: Vec<char> = given.chars().collect();
    for window in given.windows(TELLING) {
        if window.iter().all(char::is_ascii_alphanumeric) && window.iter().any(char::is_ascii_digit) {
            let window: String = window.iter().collect();
            assert!(!said.contains(&window) || known.contains(&window), "an error repeats what was given: {said}");
        }
    }
}

/// Marks that turn the direction of text.
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
