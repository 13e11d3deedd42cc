//! What goes over a socket, either way.

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use axum::http::StatusCode;
use serde::Serialize;
use zhengna_core::access::ActorKind;
use zhengna_core::core::LiveEvent;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::Position;
use zhengna_core::journal::Cursor;

use crate::problem::Problem;

/// Why a feed ended, as WebSocket close codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The host stops: reconnect with the cursor.
    GoingAway = 1001,
    /// The session is over: sign in again.
    SessionOver = 1008,
    /// The host failed: reconnect with the cursor.
    Failed = 1011,
    /// Read too slowly: reconnect with the cursor.
    TooSlow = 4008,
    /// Sent too much, or has too many sockets.
    TooMany = 4029,
}

/// What a client is sent.
#[derive(Clone, Debug)]
pub enum Frame {
    /// JSON text; the cursor a client continues from after it, where there is one.
    Text(Utf8Bytes, Option<Cursor>),
    /// Last: why it ends.
    End(Ended),
}

/// The text of a frame.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said<'a> {
    /// First: where this feed begins.
    Hello {
        /// Reconnect with it if nothing else came.
        cursor: Cursor,
    },
    /// Something happened.
    Event {
        /// What.
        event: &'a LiveEvent,
    },
    /// The other one is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        who: ActorKind,
    },
    /// Where the caller stands in line: as the answer of `GET /conversations/{conversation}/position`.
    Position {
        /// Where.
        position: &'a Position,
    },
    /// Still there.
    Ping,
}

impl Said<'_> {
    pub(super) fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".into()).into() // plain data: cannot fail
    }
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        match problem.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::SessionOver,
            _ => Self::Failed,
        }
    }
}

/// What a client may send over its socket: nothing that needs to be kept. All writes go by HTTP.
pub enum FromClient {
    /// The caller is typing.
    Typing {
        /// Where.
        conversation: ConversationId,
    },
    /// Still there.
    Ping,
}

/// A frame as it is written. serde's own tagged enum would take an array for the object and a number for the word.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Heard {
    #[serde(rename = "type")]
    what: What,
    conversation: Option<ConversationId>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Typing,
    Ping,
}

/// Reads a frame of a client, as strictly as a body.
pub fn from_client(frame: &Bytes) -> Option<FromClient> {
    let said: Heard = crate::body::from_slice(frame, 1).ok()?;
    match (said.what, said.conversation) {
        (What::Typing, Some(conversation)) => Some(FromClient::Typing { conversation }),
        (What::Ping, None) => Some(FromClient::Ping),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t39_a_frame_is_read_as_strictly_as_a_body() {
        let read = |text: &'static str| from_client(&Bytes::from_static(text.as_bytes()));
        assert!(matches!(read(r#"{"type":"ping"}"#), Some(FromClient::Ping)));
        let typing = r#"{"type":"typing","conversation":"019a0000-0000-7000-8000-000000000001"}"#;
        assert!(matches!(read(typing), Some(FromClient::Typing { .. })));
        for frame in [r#"["ping"]"#, r#"{"type":1}"#, r#"{"type":"ping","x":1}"#, r#"{"type":"ping","type":"ping"}"#, "{}", ""] {
            assert!(read(frame).is_none(), "{frame}");
        }
    }
}
