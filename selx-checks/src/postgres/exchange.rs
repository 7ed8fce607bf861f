//! Questions in a session: all of a look in one round trip.

use selx_core::Context;

use super::refusal::{Ended, ServerError, Trouble};
use super::session::{Pins, Session};
use super::wire::frame;
use crate::net::{Failure, FailureKind, Phase};

/// What may come in a session. Copies and functions are never asked for.
const ALLOWED: &[u8] = b"EN12tnTDCIsZSA3";
/// The most columns of a result.
const COLUMNS: usize = 200;
/// The most remarks that are kept of one answer.
const NOTICES: usize = 20;
/// The most characters of the name of a column. Servers have 63 bytes.
const NAME: usize = 100;

/// One column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The number of its type in the catalogue; those of built-in types never change.
    pub(super) kind: u32,
}

/// One result. Values are text; `None` is NULL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(super) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than were asked for.
    pub(super) more: bool,
}

impl Session {
    /// Asks several questions of our own in one transaction and one round trip; the answer to the pins is left out.
    pub(super) async fn ask(
        &mut self,
        pins: &Pins<'_>,
        questions: &[String],
        cap: usize,
        cx: &Context,
    ) -> Result<Vec<Table>, Ended> {
        let text = format!("{} {}; ROLLBACK", self.opening(pins), questions.join("; "));
        self.wire.send(&frame(b'Q', &[text.as_bytes(), &[0]].concat()), Phase::FirstByte, cx).await?;
        let mut tables = self.answers(1, cap, false, cx).await?;
        if tables.is_empty() {
            return Err(self.left_out());
        }
        tables.remove(0);
        if tables.len() == questions.len() { Ok(tables) } else { Err(self.left_out()) }
    }

    fn left_out(&self) -> Ended {
        let text = format!("{} left answers out", self.wire.whom);
        Failure::new(Phase::Body, FailureKind::Malformed, text).into()
    }

    /// Asks one question of somebody else's: the server takes one statement and no more, and sends at most so many rows.
    pub(super) async fn ask_one(
        &mut self,
        pins: &Pins<'_>,
        question: &str,
        rows: u32,
        cap: usize,
        cx: &Context,
    ) -> Result<Table, Ended> {
        // What the statement leaves, such as a lock of the session, is nobody else's, and `DISCARD` would take more than
        // that from a session that a pooler shares out.
        self.turn = None;
        let opening = self.opening(pins);
        let mut bytes = frame(b'Q', &[opening.as_bytes(), &[0]].concat());
        bytes.extend(frame(b'P', &[&[0], question.as_bytes(), &[0, 0, 0]].concat()));
        // No parameters; every result as text.
        bytes.extend(frame(b'B', &[0, 0, 0, 0, 0, 0, 0, 0]));
        bytes.extend(frame(b'D', &[b'P', 0]));
        // One row more than is wanted tells whether there are more: a portal of that length does not know.
        bytes.extend(frame(b'E', &[&[0][..], &rows.saturating_add(1).to_be_bytes()].concat()));
        bytes.extend(frame(b'S', &[]));
        // A pooler throws a session away that is left in a transaction.
        bytes.extend(frame(b'Q', b"ROLLBACK\0"));
        self.wire.send(&bytes, Phase::FirstByte, cx).await?;
        let mut tables = self.answers(3, cap, true, cx).await?;
        match tables.pop() {
            Some(mut table) if tables.len() == 1 => {
                let wanted = usize::try_from(rows).unwrap_or(usize::MAX);
                table.more = table.more || table.rows.len() > wanted;
                table.rows.truncate(wanted);
                Ok(table)
            }
            _ => Err(self.left_out()),
        }
    }

    /// Says statements of our own as they are, outside of the transaction that questions stand in.
    pub(super) async fn say(&mut self, statements: &str, cap: usize, cx: &Context) -> Result<Vec<Table>, Ended> {
        self.turn = None;
        self.wire.send(&frame(b'Q', &[statements.as_bytes(), &[0]].concat()), Phase::FirstByte, cx).await?;
        self.answers(1, cap, false, cx).await
    }

    /// Begins one statement that no transaction may be around, such as `VACUUM`. The server takes one and no more,
    /// whatever stands in it.
    pub(super) async fn begin(&mut self, statement: &str, cx: &Context) -> Result<(), Ended> {
        self.turn = None;
        let mut bytes = frame(b'P', &[&[0], statement.as_bytes(), &[0, 0, 0]].concat());
        bytes.extend(frame(b'B', &[0, 0, 0, 0, 0, 0, 0, 0]));
        bytes.extend(frame(b'E', &[0, 0, 0, 0, 0]));
        bytes.extend(frame(b'S', &[]));
        self.wire.send(&bytes, Phase::FirstByte, cx).await
    }

    /// Waits for what came of the statement that was begun.
    pub(super) async fn outcome(&mut self, cap: usize, cx: &Context) -> Result<(), Ended> {
        self.answers(1, cap, false, cx).await.map(|_| ())
    }

    /// Reads until the server was ready so many times. The first error counts; what follows it follows from it. What is
    /// beyond the cap is left at the server if a part will do.
    pub(super) async fn answers(
        &mut self,
        mut times: u32,
        cap: usize,
        partial: bool,
        cx: &Context,
    ) -> Result<Vec<Table>, Ended> {
        let mut tables: Vec<Table> = Vec::new();
        let mut open: Option<Table> = None;
        let mut error: Option<ServerError> = None;
        let mut left = cap;
        let mut phase = Phase::FirstByte;
        self.notices.clear();
        loop {
            let message = match self.wire.message(ALLOWED, left, phase, cx).await {
                Err(Ended::Peer(Trouble::Broken(failure)))
                    if partial && failure.kind == FailureKind::TooLarge && open.is_some() && times == 2 =>
                {
                    tables.extend(open.take().map(|table| Table { more: true, ..table }));
                    return Ok(tables);
                }
                // What the server said before it closed is why it closed.
                Err(Ended::Peer(Trouble::Broken(failure)))
                    if error.is_some() && matches!(failure.kind, FailureKind::Closed | FailureKind::Reset) =>
                {
                    return Err(error.unwrap_or_default().into());
                }
                message => message?,
            };
            phase = Phase::Body;
            left = left.saturating_sub(message.body.len() + 5);
            match message.tag {
                b'E' => {
                    let told = ServerError::read(&message.body);
                    // The session ends with these; no readiness follows.
                    if told.code.starts_with("57P") {
                        return Err(told.into());
                    }
                    error.get_or_insert(told);
                }
                b'N' if self.notices.len() < NOTICES => self.notices.push(ServerError::read(&message.body)),
                b'T' => open = Some(Table { columns: columns(&message.body), ..Table::default() }),
                b'D' => {
                    if let (Some(table), Some(row)) = (open.as_mut(), row(&message.body)) {
                        table.rows.push(row);
                    } else {
                        let text = format!("{} sent a row that is none", self.wire.whom);
                        return Err(Failure::new(Phase::Body, FailureKind::Malformed, text).into());
                    }
                }
                b's' => {
                    tables.extend(open.take().map(|table| Table { more: true, ..table }));
                }
                b'C' => tables.extend(open.take()),
                // A statement without a result, such as an empty one.
                b'n' => open = Some(Table::default()),
                b'I' => tables.push(Table::default()),
                b'Z' => {
                    times = times.saturating_sub(1);
                    if times == 0 {
                        return match error {
                            Some(error) => Err(error.into()),
                            None => Ok(tables),
                        };
                    }
                }
                _ => {}
            }
        }
    }

    /// Leaves it to the next check of this run that waits for it, or says goodbye.
    pub(super) async fn end(mut self, cx: &Context) {
        match self.turn.take() {
            Some((turn, way)) if turn.is_awaited() => turn.leave(way, self),
            _ => self.wire.end(cx).await,
        }
    }
}

/// Reads bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*take(bytes, 4)?.first_chunk()?))
}

fn short(bytes: &mut &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(*take(bytes, 2)?.first_chunk()?)))
}

/// Reads the columns of a result; what is damaged ends them.
fn columns(mut body: &[u8]) -> Vec<Column> {
    let count = short(&mut body).unwrap_or(0).min(COLUMNS);
    let mut columns = Vec::new();
    for _ in 0..count {
        let Some(end) = body.iter().position(|byte| *byte == 0) else { break };
        let name = take(&mut body, end).map(|name| String::from_utf8_lossy(name).chars().take(NAME).collect());
        let (Some(name), Some(_)) = (name, take(&mut body, 7)) else { break };
        let Some(kind) = number(&mut body) else { break };
        take(&mut body, 8);
        columns.push(Column { name, kind });
    }
    columns
}

/// Reads the values of a row.
fn row(mut body: &[u8]) -> Option<Vec<Option<String>>> {
    let count = short(&mut body)?;
    let mut values = Vec::new();
    for index in 0..count {
        let length = number(&mut body)?;
        let value = if length == u32::MAX {
            None
        } else {
            Some(String::from_utf8_lossy(take(&mut body, usize::try_from(length).ok()?)?).into_owned())
        };
        if index < COLUMNS {
            values.push(value);
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_damage_is_none() {
        let mut body = vec![0, 1];
        body.extend(b"n\0");
        body.extend([0; 6]);
        body.extend(23_u32.to_be_bytes());
        body.extend([0; 8]);
        assert_eq!(columns(&body), [Column { name: "n".to_owned(), kind: 23 }]);
        assert_eq!(columns(&body[..10]), []);
        let long = [&[0, 1][..], &b"n".repeat(10_000), &[0; 7], &23_u32.to_be_bytes(), &[0; 8]].concat();
        assert_eq!(columns(&long)[0].name.len(), NAME);
        let values = [&[0, 2][..], &1_u32.to_be_bytes(), b"7", &u32::MAX.to_be_bytes()].concat();
        assert_eq!(row(&values), Some(vec![Some("7".to_owned()), None]));
        assert_eq!(row(&values[..6]), None);
        assert_eq!(row(&[0, 1, 0x7f, 0xff, 0xff, 0xff]), None);
    }
}
