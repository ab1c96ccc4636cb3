//! Protects against HTTP/2 floods, and detects when requests begin. HTTP/2 lets a client cause work
//! that is no request (RFC 9113 §10.5): a PING is answered, SETTINGS are acknowledged, a reset
//! stream was worked on. Each connection has a budget of such frames, which requests, response
//! bytes and time refill.

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const END_STREAM: u8 = 0x1;

/// The most frames in the budget, and how many are added each second.
const BUDGET_MAX: i64 = 1_000;
const BUDGET_EACH_S: i64 = 20;
/// Frames that a request adds: for priorities, window updates and the like.
const BUDGET_EACH_REQUEST: i64 = 4;
/// Frames that a reset costs: more than its request has added.
const RESET_COST: i64 = 6;
/// Response bytes that add one frame, for a window update.
const BYTES_EACH_UPDATE: usize = 512;

/// A client has sent too many frames that cause work and are no requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many HTTP/2 frames that are not requests")]
pub(super) struct Flood;

/// Parses the bytes of a connection and keeps its budget.
#[derive(Clone, Debug)]
pub(super) struct FrameBudget {
    parser: FrameParser,
    budget: i64,
    refilled_ms: u64,
}

#[derive(Clone, Copy, Debug)]
enum FrameParser {
    /// The number of bytes of the connection preface (RFC 9113 §3.4) seen so far.
    Preface(usize),
    Http1,
    /// A partial frame header, and its number of bytes.
    FrameHead([u8; FRAME_HEAD_BYTES], usize),
    /// The remaining bytes of a frame's payload.
    Payload(usize),
}

impl FrameBudget {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            parser: FrameParser::Preface(0),
            budget: BUDGET_MAX,
            refilled_ms: now_ms,
        }
    }

    /// Parses bytes that were read. True if a request began in them; with HTTP/1 any bytes may
    /// begin one.
    pub(super) fn read(&mut self, mut bytes: &[u8], now_ms: u64) -> Result<bool, Flood> {
        let mut begun = false;
        while !bytes.is_empty() {
            match self.parser {
                FrameParser::Http1 => return Ok(true),
                FrameParser::Preface(known) => {
                    let length = bytes.len().min(PREFACE.len() - known);
                    let (here, rest) = bytes.split_at(length);
                    if here != &PREFACE[known..known + length] {
                        self.parser = FrameParser::Http1;
                        return Ok(true);
                    }
                    bytes = rest;
                    self.parser = match known + length {
                        length if length == PREFACE.len() => {
                            FrameParser::FrameHead([0; FRAME_HEAD_BYTES], 0)
                        }
                        length => FrameParser::Preface(length),
                    };
                }
                FrameParser::FrameHead(mut head, known) => {
                    let length = bytes.len().min(FRAME_HEAD_BYTES - known);
                    let (here, rest) = bytes.split_at(length);
                    head[known..known + length].copy_from_slice(here);
                    bytes = rest;
                    self.parser = FrameParser::FrameHead(head, known + length);
                    if known + length == FRAME_HEAD_BYTES {
                        begun |= self.frame(head, now_ms)?;
                    }
                }
                FrameParser::Payload(left) => {
                    let length = bytes.len().min(left);
                    bytes = &bytes[length..];
                    self.parser = after(left - length);
                }
            }
        }
        Ok(begun)
    }

    /// Refills the budget for response bytes that were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        if !matches!(self.parser, FrameParser::Http1) {
            self.add(i64::try_from(bytes.div_ceil(BYTES_EACH_UPDATE)).unwrap_or(BUDGET_MAX));
        }
    }

    fn frame(&mut self, head: [u8; FRAME_HEAD_BYTES], now_ms: u64) -> Result<bool, Flood> {
        let [a, b, c, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        self.parser = after(length);
        let cost = match kind {
            HEADERS => {
                self.add(BUDGET_EACH_REQUEST);
                return Ok(true);
            }
            // Body data is free, but empty frames in the middle of a body cost like others.
            DATA if length > 0 || flags & END_STREAM != 0 => 0,
            RST_STREAM => RESET_COST,
            _ => 1,
        };
        self.budget -= cost;
        if self.budget >= 0 {
            return Ok(false);
        }
        let seconds = (now_ms.saturating_sub(self.refilled_ms)) / 1_000;
        if seconds > 0 {
            self.refilled_ms = now_ms;
            self.add(BUDGET_EACH_S.saturating_mul(i64::try_from(seconds).unwrap_or(BUDGET_MAX)));
        }
        if self.budget >= 0 {
            Ok(false)
        } else {
            Err(Flood)
        }
    }

    fn add(&mut self, frames: i64) {
        self.budget = self.budget.saturating_add(frames).min(BUDGET_MAX);
    }
}

fn after(left: usize) -> FrameParser {
    match left {
        0 => FrameParser::FrameHead([0; FRAME_HEAD_BYTES], 0),
        left => FrameParser::Payload(left),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: u8 = 0x4;
    const PING: u8 = 0x6;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, 0, 0, 0, 0, 1]);
        frame.extend(payload);
        frame
    }

    fn after_preface() -> FrameBudget {
        let mut budget = FrameBudget::new(0);
        assert_eq!(budget.read(PREFACE, 0), Ok(false));
        budget
    }

    /// The number of frames that are accepted before the flood is detected.
    fn frames_until_flood(budget: &mut FrameBudget, bytes: &[u8], now_ms: u64) -> usize {
        (0..5_000)
            .take_while(|_| budget.read(bytes, now_ms).is_ok())
            .count()
    }

    #[test]
    fn a_flood_is_detected_one_frame_past_the_limit() {
        for (kind, payload) in [
            (PING, &[0; 8][..]),
            (SETTINGS, &[]),
            (DATA, &[]),
            (0x2, &[0; 5]),
        ] {
            let count = frames_until_flood(&mut after_preface(), &frame(kind, payload), 0);
            assert_eq!(count, 1_000, "{kind}");
        }
        let (mut later, ping) = (after_preface(), frame(PING, &[0; 8]));
        for _ in 0..1_000 {
            assert_eq!(later.read(&ping, 0), Ok(false));
        }
        assert_eq!(frames_until_flood(&mut later, &ping, 2_000), 40);
    }

    #[test]
    fn repeated_resets_are_a_flood() {
        let both = [frame(HEADERS, &[0; 30]), frame(RST_STREAM, &[0; 4])].concat();
        assert!((300..700).contains(&frames_until_flood(&mut after_preface(), &both, 0)));
    }

    #[test]
    fn a_client_that_sends_requests_and_reads_responses_is_never_a_flood() {
        let mut budget = after_preface();
        let update = frame(0x8, &[0; 4]);
        for _ in 0..10_000 {
            let asked = [
                frame(HEADERS, &[7; 40]),
                update.clone(),
                frame(PING, &[0; 8]),
            ]
            .concat();
            assert_eq!(budget.read(&asked, 0), Ok(true));
        }
        for _ in 0..10_000 {
            budget.wrote(16_384);
            assert_eq!(budget.read(&[&update[..], &update].concat(), 0), Ok(false));
        }
        for _ in 0..10_000 {
            assert_eq!(budget.read(&frame(DATA, &[7; 100]), 0), Ok(false));
        }
    }

    #[test]
    fn http_1_and_http_2_are_distinguished() {
        for text in ["GET / HTTP/1.1\r\n", "P", "PRI * HTTP/1.1"] {
            let mut budget = FrameBudget::new(0);
            let begun = text.bytes().map(|byte| budget.read(&[byte], 0).unwrap());
            assert_eq!(begun.last().unwrap(), text != "P", "{text}");
        }
    }

    proptest! {
        /// The result does not depend on how the bytes are split into reads.
        #[test]
        fn frames_may_be_split_anywhere(
            frames in proptest::collection::vec((0_u8..10, 0_usize..300), 1..30),
            step in 1_usize..50,
        ) {
            let mut bytes = PREFACE.to_vec();
            for (kind, length) in &frames {
                bytes.extend(frame(*kind, &vec![0xff; *length]));
            }
            let mut budget = FrameBudget::new(0);
            let begun = bytes.chunks(step).filter(|it| budget.read(it, 0).unwrap()).count();
            let heads = frames.iter().filter(|it| it.0 == HEADERS).count();
            prop_assert!(begun <= heads && (begun > 0) == (heads > 0));
            let mut whole = FrameBudget::new(0);
            prop_assert_eq!(whole.read(&bytes, 0), Ok(heads > 0));
            prop_assert_eq!(whole.budget, budget.budget);
            prop_assert!(matches!(whole.parser, FrameParser::FrameHead(_, 0)));
        }
    }
}
