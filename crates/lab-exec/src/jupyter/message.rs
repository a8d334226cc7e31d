//! What a kernel's messages say.

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

/// Stands between the topic and the message.
const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Something that a kernel tells, and when it said so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// In milliseconds since 1970 by the kernel's clock; `None` where it does not tell in UTC.
    pub millis: Option<i64>,
    /// What.
    pub told: Told,
}

/// What a kernel tells. `request` names the request that it speaks of.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Told {
    /// It begins with a cell.
    Input { request: String, count: u64, code: String },
    /// It is over with a cell, or with anything else that was asked of it.
    Idle { request: String },
    /// A cell printed something.
    Stream { request: String, is_error: bool, text: String },
    /// The value of a cell, or something that it shows, as plain text.
    Shown { request: String, text: String },
    /// A cell failed.
    Error { request: String, name: String, value: String, traceback: Vec<String> },
}

/// Not a message of this kernel.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Refused;

#[derive(Deserialize)]
struct Header {
    msg_type: String,
    #[serde(default)]
    date: String,
}

#[derive(Deserialize)]
struct Parent {
    #[serde(default)]
    msg_id: String,
}

/// Reads a message; `None` for one that tells nothing of a cell.
pub(super) fn read(frames: &[Vec<u8>], key: &[u8]) -> Result<Option<Message>, Refused> {
    let at = frames.iter().position(|frame| frame == DELIMITER).ok_or(Refused)?;
    let [signature, header, parent, metadata, content, ..] = &frames[at + 1..] else { return Err(Refused) };
    if !key.is_empty() {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("because a key may have any length");
        [header, parent, metadata, content].into_iter().for_each(|part| mac.update(part));
        mac.verify_slice(&unhex(signature).ok_or(Refused)?).map_err(|_| Refused)?;
    }
    let header: Header = serde_json::from_slice(header).map_err(|_| Refused)?;
    let parent: Parent = serde_json::from_slice(parent).map_err(|_| Refused)?;
    let is_wanted = ["execute_input", "status", "stream", "execute_result", "display_data", "error"];
    if !is_wanted.contains(&header.msg_type.as_str()) {
        return Ok(None);
    }
    let content: Value = serde_json::from_slice(content).map_err(|_| Refused)?;
    let told = told(&header.msg_type, parent.msg_id, &content);
    Ok(told.map(|told| Message { millis: millis_of(&header.date), told }))
}

fn told(kind: &str, request: String, content: &Value) -> Option<Told> {
    let text = |name: &str| content[name].as_str().unwrap_or_default().to_owned();
    Some(match kind {
        "execute_input" => {
            Told::Input { request, count: content["execution_count"].as_u64().unwrap_or(0), code: text("code") }
        }
        "status" if content["execution_state"] == "idle" => Told::Idle { request },
        "stream" => Told::Stream { request, is_error: content["name"] == "stderr", text: text("text") },
        "execute_result" | "display_data" => {
            Told::Shown { request, text: content["data"]["text/plain"].as_str()?.to_owned() }
        }
        "error" => Told::Error {
            request,
            name: text("ename"),
            value: text("evalue"),
            traceback: content["traceback"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|line| Some(line.as_str()?.to_owned()))
                .collect(),
        },
        _ => return None,
    })
}

/// Milliseconds since 1970 of a date as in `2026-11-21T15:32:08.888649Z`.
fn millis_of(date: &str) -> Option<i64> {
    let date = date.strip_suffix('Z').or_else(|| date.strip_suffix("+00:00"))?;
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let fraction: String = date.get(19..)?.strip_prefix('.').unwrap_or_default().chars().take(3).collect();
    let millis = format!("{fraction:0<3}").parse::<i64>().ok()?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jupyter::zmtp::Subscriber;

    /// What ipykernel 7.4 sent to a subscriber while it executed three cells.
    const RECORDED: &[u8] = include_bytes!("../../tests/fixtures/iopub.bin");
    const KEY: &[u8] = b"d2de9a45-1abc09c3f39df41541bee00b";

    fn recorded() -> Vec<Vec<Vec<u8>>> {
        let mut subscriber = Subscriber::new();
        for part in RECORDED.chunks(777) {
            subscriber.feed(part).unwrap();
        }
        std::iter::from_fn(|| subscriber.next_message()).collect()
    }

    #[test]
    fn a_recorded_kernel_is_understood() {
        let messages: Vec<Message> = recorded().iter().filter_map(|frames| read(frames, KEY).unwrap()).collect();
        assert_eq!(messages[0].millis, Some(1_795_275_128_888));
        let told: Vec<Told> = messages.into_iter().map(|message| message.told).collect();
        let request = |number: u32| format!("ff1a2ff8-25bcc7a362bc5d13162c56c5_17189_{number}");
        let input = |number, code: &str| Told::Input {
            request: request(number),
            count: u64::from(number),
            code: code.to_owned(),
        };
        let stream =
            |number, is_error, text: &str| Told::Stream { request: request(number), is_error, text: text.to_owned() };
        let idle = |number| Told::Idle { request: request(number) };
        assert_eq!(told[..3], [input(1, "x = 41\nprint('loss: 0.5')"), stream(1, false, "loss: 0.5\n"), idle(1)]);
        assert_eq!(
            told[3..6],
            [input(2, "x + 1"), Told::Shown { request: request(2), text: "42".to_owned() }, idle(2)]
        );
        assert_eq!(told[6], input(3, "import sys\nprint('careful', file=sys.stderr)\n1 / 0"));
        assert_eq!(told[7], stream(3, true, "careful\n"));
        let Told::Error { name, value, traceback, .. } = &told[8] else { panic!("{:?}", told[8]) };
        assert_eq!((name.as_str(), value.as_str()), ("ZeroDivisionError", "division by zero"));
        assert!(traceback.iter().any(|line| line.contains("Traceback (most recent call last)")));
        assert_eq!(told[9..], [idle(3)]);
    }

    #[test]
    fn dates_are_read() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00.5Z", Some(951_825_600_500)),
            ("2024-12-31T23:59:59.999999+00:00", Some(1_735_689_599_999)),
            ("2024-12-31T23:59:59.9+02:00", None),
            ("yesterday", None),
        ];
        for (date, expected) in table {
            assert_eq!(millis_of(date), expected, "{date}");
        }
    }

    #[test]
    fn what_another_has_signed_is_refused() {
        let mut frames = recorded().swap_remove(1);
        assert_eq!(read(&frames, b"another key"), Err(Refused));
        let last = frames.len() - 1;
        frames[last].push(b' ');
        assert_eq!(read(&frames, KEY), Err(Refused));
        assert!(read(&frames, b"").is_ok(), "without a key nothing is signed");
        assert_eq!(read(&[b"a".to_vec()], KEY), Err(Refused));
    }
}
