//! What a program with the plugin interface of Nagios prints: a line, more lines, and performance data.

use selx_core::{Measure, Unit};

/// More measures than this are not taken from one program.
pub(super) const MOST_MEASURES: usize = 500;

/// A number with its label, its unit and the ranges that the program itself judged it by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Perf {
    pub(super) label: String,
    /// In the base unit.
    pub(super) value: f64,
    pub(super) unit: PerfUnit,
    /// The greatest possible value, in the base unit.
    pub(super) most: Option<f64>,
    /// `warning R, critical R`, as the program wrote them; empty if it wrote none.
    pub(super) ranges: String,
}

/// The units of performance data, each of which has a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PerfUnit {
    Value,
    Bytes,
    Seconds,
    Share,
    Counter,
}

impl PerfUnit {
    /// Returns the documented measure and its unit.
    pub(super) const fn measure(self) -> (&'static str, Unit) {
        match self {
            Self::Value => ("value", Unit::Count),
            Self::Bytes => ("bytes", Unit::Bytes),
            Self::Seconds => ("seconds", Unit::Seconds),
            Self::Share => ("share", Unit::Ratio),
            Self::Counter => ("counter", Unit::Count),
        }
    }

    /// Reads a unit and the factor to its base. Programs mean powers of 1024 by KB, as `check_disk` does.
    fn read(text: &str) -> (Self, f64) {
        match text {
            "s" => (Self::Seconds, 1.0),
            "ms" => (Self::Seconds, 1e-3),
            "us" => (Self::Seconds, 1e-6),
            "ns" => (Self::Seconds, 1e-9),
            "%" => (Self::Share, 0.01),
            "c" => (Self::Counter, 1.0),
            "B" => (Self::Bytes, 1.0),
            "KB" | "kB" | "KiB" => (Self::Bytes, 1024.0),
            "MB" | "MiB" => (Self::Bytes, 1_048_576.0),
            "GB" | "GiB" => (Self::Bytes, 1_073_741_824.0),
            "TB" | "TiB" => (Self::Bytes, 1_099_511_627_776.0),
            "PB" | "PiB" => (Self::Bytes, 1_125_899_906_842_624.0),
            _ => (Self::Value, 1.0),
        }
    }
}

impl Perf {
    pub(super) fn to_measure(&self) -> Measure {
        let (name, unit) = self.unit.measure();
        let measure = Measure::new(name, self.value, unit).on(self.label.clone());
        match self.most {
            Some(most) if most > 0.0 && self.unit != PerfUnit::Share => measure.of(most),
            _ => measure,
        }
    }
}

/// What was printed, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Printed {
    /// The first line without its performance data.
    pub(super) line: String,
    /// The lines after it.
    pub(super) more: String,
    /// The numbers.
    pub(super) perf: Vec<Perf>,
    /// Performance data that does not read, as it was written.
    pub(super) unreadable: Vec<String>,
    /// How many numbers were left out because there were too many.
    pub(super) left_out: usize,
}

/// Takes apart what a program printed.
///
/// In the first line, performance data begins after `|`. In the lines after it, the first `|` begins performance data
/// that goes on to the end.
pub(super) fn read(text: &str) -> Printed {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let (line, perf) = first.split_once('|').unwrap_or((first, ""));
    let mut perf = perf.to_owned();
    let mut more = Vec::new();
    let mut in_perf = false;
    for line in lines {
        if in_perf {
            perf.push(' ');
            perf.push_str(line);
        } else if let Some((words, data)) = line.split_once('|') {
            more.push(words);
            perf.push(' ');
            perf.push_str(data);
            in_perf = true;
        } else {
            more.push(line);
        }
    }
    let mut printed =
        Printed { line: line.trim().to_owned(), more: more.join("\n").trim_end().to_owned(), ..Printed::default() };
    read_perf(&perf, &mut printed);
    printed
}

fn read_perf(text: &str, into: &mut Printed) {
    for token in tokens(text) {
        match read_token(&token) {
            Token::Number(perf) => {
                let twice = into.perf.iter().any(|known| known.label == perf.label && known.unit == perf.unit);
                if twice {
                    into.unreadable.push(format!("{token} (a second `{}`)", perf.label));
                } else if into.perf.len() < MOST_MEASURES {
                    into.perf.push(perf);
                } else {
                    into.left_out += 1;
                }
            }
            Token::Undetermined => {}
            Token::Unreadable => into.unreadable.push(token),
        }
    }
}

/// Splits at spaces that are not inside quotes. A quote inside quotes is written twice.
fn tokens(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut token = String::new();
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                token.push(letter);
            }
            letter if letter.is_whitespace() && !quoted => {
                if !token.is_empty() {
                    all.push(std::mem::take(&mut token));
                }
            }
            letter => token.push(letter),
        }
    }
    if !token.is_empty() {
        all.push(token);
    }
    all
}

enum Token {
    Number(Perf),
    /// `label=U`: the program says that it could not find the number out.
    Undetermined,
    Unreadable,
}

fn read_token(token: &str) -> Token {
    let Some((label, data)) = split_label(token) else {
        return Token::Unreadable;
    };
    let mut fields = data.split(';');
    let number = fields.next().unwrap_or_default();
    if number == "U" {
        return Token::Undetermined;
    }
    let end = number
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+')))
        .unwrap_or(number.len());
    let (digits, unit) = number.split_at(end);
    // An exponent is no unit: `1.5e+03`.
    let (digits, unit) = match exponent(number) {
        Some(split) => number.split_at(split),
        None => (digits, unit),
    };
    let Ok(value) = digits.parse::<f64>() else {
        return Token::Unreadable;
    };
    // A comma is a decimal point elsewhere and a list here; it is not guessed at.
    if unit.contains(|letter: char| letter.is_ascii_digit() || matches!(letter, ',' | '=' | '\'')) {
        return Token::Unreadable;
    }
    let (unit, factor) = PerfUnit::read(unit);
    if !(value * factor).is_finite() {
        return Token::Unreadable;
    }
    let fields: Vec<&str> = fields.collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let mut ranges = Vec::new();
    for (name, range) in [("warning", field(0)), ("critical", field(1))] {
        if !range.is_empty() {
            ranges.push(format!("{name} {range}"));
        }
    }
    Token::Number(Perf {
        label,
        value: value * factor,
        unit,
        most: field(3).parse::<f64>().ok().map(|most| most * factor).filter(|most| most.is_finite()),
        ranges: ranges.join(", "),
    })
}

/// Returns where a number with an exponent ends, if it has one.
fn exponent(number: &str) -> Option<usize> {
    let at = number.find(['e', 'E'])?;
    let tail = number.get(at + 1..)?;
    let digits = tail.strip_prefix(['+', '-']).unwrap_or(tail);
    let sign = tail.len() - digits.len();
    let count = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    (count > 0).then_some(at + 1 + sign + count)
}

fn split_label(token: &str) -> Option<(String, &str)> {
    let (label, data) = match token.strip_prefix('\'') {
        Some(rest) => {
            let close = rest.rfind("'=")?;
            (rest.get(..close)?.replace("''", "'"), rest.get(close + 2..)?)
        }
        None => {
            let (label, data) = token.split_once('=')?;
            (label.to_owned(), data)
        }
    };
    let label: String = label.trim().chars().take(128).collect();
    (!label.is_empty()).then_some((label, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (String, f64, PerfUnit, Option<f64>) {
        let printed = read(&format!("OK | {text}"));
        assert!(printed.unreadable.is_empty(), "{:?}", printed.unreadable);
        let [perf] = printed.perf.as_slice() else {
            panic!("{text}: {:?}", printed.perf);
        };
        (perf.label.clone(), perf.value, perf.unit, perf.most)
    }

    #[test]
    fn labels_units_and_the_greatest_value() {
        assert_eq!(one("load1=0.12;5;10;0;"), ("load1".into(), 0.12, PerfUnit::Value, None));
        assert_eq!(one("/=2MB;3;4;0;8"), ("/".into(), 2_097_152.0, PerfUnit::Bytes, Some(8_388_608.0)));
        assert_eq!(one("time=250ms"), ("time".into(), 0.25, PerfUnit::Seconds, None));
        assert_eq!(one("cpu=85%"), ("cpu".into(), 0.85, PerfUnit::Share, None));
        assert_eq!(one("in=12c"), ("in".into(), 12.0, PerfUnit::Counter, None));
        assert_eq!(one("'C:\\ drive'=1B"), ("C:\\ drive".into(), 1.0, PerfUnit::Bytes, None));
        assert_eq!(one("'it''s a=b'=-3"), ("it's a=b".into(), -3.0, PerfUnit::Value, None));
        assert_eq!(one("temp=40C"), ("temp".into(), 40.0, PerfUnit::Value, None));
        assert_eq!(one("n=1.5e+03"), ("n".into(), 1500.0, PerfUnit::Value, None));
    }

    #[test]
    fn ranges_are_kept_as_they_are_written() {
        let printed = read("OK | a=1;@10:20;~:30;0;100 b=2;;;; c=3;5");
        let ranges: Vec<&str> = printed.perf.iter().map(|perf| perf.ranges.as_str()).collect();
        assert_eq!(ranges, ["warning @10:20, critical ~:30", "", "warning 5"]);
    }

    #[test]
    fn several_lines() {
        let printed = read("DISK OK - fine | /=2B\nfirst\nsecond | /boot=3B\n/home=4B");
        assert_eq!(printed.line, "DISK OK - fine");
        assert_eq!(printed.more, "first\nsecond");
        let labels: Vec<&str> = printed.perf.iter().map(|perf| perf.label.as_str()).collect();
        assert_eq!(labels, ["/", "/boot", "/home"]);
    }

    #[test]
    fn what_does_not_read_is_named() {
        let printed = read("OK | a=0,5 b c= =3 'd=1 e=1;2 e=2 f=U");
        assert_eq!(printed.perf.len(), 0, "the open quote takes the rest: {:?}", printed.perf);
        assert_eq!(printed.unreadable, ["a=0,5", "b", "c=", "=3", "'d=1 e=1;2 e=2 f=U"]);
        let printed = read("OK | e=1;2 e=2 f=U");
        assert_eq!(printed.perf.len(), 1);
        assert_eq!(printed.unreadable, ["e=2 (a second `e`)"]);
    }

    #[test]
    fn too_many_numbers_are_counted() {
        let text: String = (0..600).map(|n| format!(" n{n}=1")).collect();
        let printed = read(&format!("OK |{text}"));
        assert_eq!((printed.perf.len(), printed.left_out), (500, 100));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken_apart(text in "(?s).{0,200}") {
            read(&text);
            read(&format!("OK | {text}"));
        }
    }
}
