//! Many secrets in one text, in one pass over it. A server can give a thousand of them, each in a dozen shapes, and
//! looking for each on its own would be a day's work in a text that it chose for that.

use crate::vault::Sought;

/// What is looked for, in order, so that what a text begins with is found by halving.
pub(crate) struct Wanted {
    secrets: Vec<Sought>,
    sorted: Vec<Form>,
    /// The first two bytes of all forms: most of a text is none of them.
    starts: Vec<bool>,
    longest: usize,
}

struct Form {
    secret: usize,
    /// Among the forms of that secret.
    position: usize,
    /// The longest other form with which this one begins, by its place in the order.
    within: Option<usize>,
}

/// Every form has more bytes.
const START: usize = 2;

impl Wanted {
    pub(crate) fn new(secrets: Vec<Sought>) -> Self {
        let mut wanted = Self {
            secrets,
            sorted: Vec::new(),
            starts: vec![false; 1 << (8 * START)],
            longest: 0,
        };
        for (secret, sought) in wanted.secrets.iter().enumerate() {
            let forms = sought.forms.iter().enumerate();
            let forms = forms.filter(|(_, form)| form.len() >= START);
            for (position, form) in forms {
                wanted.starts[start(form)] = true;
                wanted.longest = wanted.longest.max(form.len());
                wanted.sorted.push(Form {
                    secret,
                    position,
                    within: None,
                });
            }
        }
        let mut sorted = std::mem::take(&mut wanted.sorted);
        // Stable: of two that look the same the first stays.
        sorted.sort_by(|a, b| wanted.bytes(a).cmp(wanted.bytes(b)));
        sorted.dedup_by(|a, b| wanted.bytes(a) == wanted.bytes(b));
        let mut around: Vec<usize> = Vec::new();
        for at in 0..sorted.len() {
            let bytes = wanted.bytes(&sorted[at]);
            while let Some(last) = around.last()
                && !bytes.starts_with(wanted.bytes(&sorted[*last]))
            {
                around.pop();
            }
            let within = around.last().copied();
            sorted[at].within = within;
            around.push(at);
        }
        wanted.sorted = sorted;
        wanted
    }

    /// Where secrets are: from, to, and the placeholder for one that stands there as it is. In order; of those that begin
    /// together the longest, because one secret may be a part of another.
    pub(crate) fn all<'a>(
        &'a self,
        text: &'a [u8],
    ) -> impl Iterator<Item = (usize, usize, Option<&'a str>)> {
        // Nothing is allocated to be looked for where nothing is wanted.
        let last = if self.sorted.is_empty() {
            0
        } else {
            text.len()
        };
        (0..last).filter_map(|from| {
            let form = self.first(&text[from..])?;
            let plain = form.position == 0;
            let placeholder = plain.then(|| self.secrets[form.secret].placeholder.as_str());
            Some((from, from + self.bytes(form).len(), placeholder))
        })
    }

    /// How many bytes at the end of a text could be the beginning of a secret.
    pub(crate) fn begun(&self, text: &[u8]) -> usize {
        let from = text.len().saturating_sub(self.longest.saturating_sub(1));
        let begins = |from: &usize| {
            let tail = &text[*from..];
            if tail.len() >= START && !self.starts[start(tail)] {
                return false;
            }
            let after = self.sorted.partition_point(|form| self.bytes(form) <= tail);
            let next = self.sorted.get(after);
            next.is_some_and(|form| self.bytes(form).starts_with(tail))
        };
        let first = (from..text.len()).find(begins);
        first.map_or(0, |from| text.len() - from)
    }

    /// The longest form with which a text begins.
    fn first(&self, text: &[u8]) -> Option<&Form> {
        if text.len() < START || !self.starts[start(text)] {
            return None;
        }
        // All that the text begins with come before it in the order, and the last of those begins with them too.
        let before = self.sorted.partition_point(|form| self.bytes(form) <= text);
        let mut form = self.sorted.get(before.checked_sub(1)?)?;
        let same = |(a, b): &(&u8, &u8)| a == b;
        let common = self.bytes(form).iter().zip(text).take_while(same).count();
        while self.bytes(form).len() > common {
            form = self.sorted.get(form.within?)?;
        }
        Some(form)
    }

    fn bytes(&self, form: &Form) -> &[u8] {
        self.secrets[form.secret].forms.get(form.position)
    }
}

fn start(text: &[u8]) -> usize {
    text.iter()
        .take(START)
        .fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use spin_deployer_manifest::Secret;

    use super::*;
    use crate::vault::{Audience, Vault};

    /// As `all` does it, one secret after the other.
    fn one_by_one(wanted: &Wanted, text: &[u8]) -> Vec<(usize, usize)> {
        let longest = |from: usize| {
            let all = wanted.secrets.iter().flat_map(|secret| secret.forms.iter());
            let found = all.filter(|form| text[from..].starts_with(form));
            found
                .map(<[u8]>::len)
                .max()
                .map(|length| (from, from + length))
        };
        (0..text.len()).filter_map(longest).collect()
    }

    #[test]
    fn one_pass_finds_what_many_find() {
        let vault = Vault::default();
        for secret in [
            "aaaaaaaa",
            "aaaaaaaaaaaa",
            "aaaaaaaaaab",
            "aaaaaaaaabaaaaaaaa",
            "baaaaaaaa+/",
            "abababab",
            "abababababab",
            "a&b<c>d\"e",
        ] {
            let secret = Secret::new(secret.to_owned());
            vault.insert("a", secret, Audience::Rules).unwrap();
        }
        let wanted = Wanted::new(vault.sought(None));
        // Every text of twelve letters that are a or b, in front of something, and one with the others.
        let mut texts: Vec<String> = (0..1 << 12)
            .map(|bits: u32| {
                let letters = (0..12).map(|at| if bits >> at & 1 == 0 { 'a' } else { 'b' });
                letters.chain("aaaaaaaa%2B%2Faaaaaaaa".chars()).collect()
            })
            .collect();
        texts.push("a&amp;b&lt;c&gt;d&quot;e baaaaaaaa%2b%2f YWFhYWFhYWFhYWFh".to_owned());
        for text in &texts {
            let found: Vec<_> = wanted
                .all(text.as_bytes())
                .map(|(from, to, _)| (from, to))
                .collect();
            assert_eq!(found, one_by_one(&wanted, text.as_bytes()), "{text}");
        }
        assert_eq!(wanted.begun(b"xaaaaaaaaab"), 10);
        assert_eq!(wanted.begun(b"ababababababx"), 0);
        assert_eq!(Wanted::new(Vec::new()).all(b"aaaaaaaa").count(), 0);
        assert_eq!(Wanted::new(Vec::new()).begun(b"aaaaaaaa"), 0);
    }
}
