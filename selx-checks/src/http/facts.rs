//! What was seen: everything a judgement needs, and nothing that is secret.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::net::{Attempt, Failure};

/// What asking an endpoint came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The URL, without the values of its query.
    pub url: String,
    /// What the name led to; nothing if no name was looked up or if that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Lookup>,
    /// Why nothing could be asked at all: the name led nowhere, or only to where policy forbids to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// One for every address that was judged; one if the first that accepts is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<Look>,
}

/// What a name led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// How long the lookup took, in seconds.
    pub seconds: f64,
    /// The addresses, at most 64.
    pub addresses: Vec<String>,
    /// How many there were.
    pub found: usize,
    /// Those of them that are not public, as `address (scope)`; listed if `private` is `warn` or `deny`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub private: Vec<String>,
}

/// One request with its answer, and those that redirects led to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The address that was asked; empty if the name stands for all of them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The addresses that were tried, of the last request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Where redirects led, in order, without the values of queries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<String>,
    /// How long each part took, over all requests.
    pub times: Times,
    /// Protocol and cipher, if it was encrypted, and which roots were trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Encryption>,
    /// The answer, as far as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// How many bytes of the last answer arrived, head and framing included.
    #[serde(default)]
    pub received: u64,
    /// Where and why it broke off; nothing if the answer is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Seconds of a monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Times {
    /// From the first lookup to the last byte.
    pub total: f64,
    /// Looking names up.
    pub dns: f64,
    /// Opening connections, with those that failed before.
    pub connect: f64,
    /// Agreeing on encryption; zero without.
    pub tls: f64,
    /// From sending the request to the first byte of the answer.
    pub first_byte: f64,
    /// From the first byte to the last.
    pub body: f64,
}

/// How a connection was encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Encryption {
    /// The version, such as `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// Which roots were trusted.
    pub trust: String,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `content-type`, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The `content-encoding`, if it is another than `identity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Where a redirect leads, without the values of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Why a redirect was not followed, if redirects are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_followed: Option<String>,
    /// The headers of which something is expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSeen>,
    /// How many bytes of the body were read.
    pub body_size: u64,
    /// Whether a body can be expected of such an answer: not of `HEAD`, 204 and 304.
    #[serde(default)]
    pub has_body: bool,
    /// The beginning of the body, at most 200 bytes, with control characters escaped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// The texts that were looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<TextSeen>,
    /// What a JSON body holds at the paths that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonSeen>,
}

/// A header of which something was expected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeaderSeen {
    /// Its name.
    pub name: String,
    /// Whether the text that was expected stands in one of its values.
    pub found: bool,
    /// Its values, at most 200 characters together; nothing if it is not there. Those of cookies are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Whether a text stands in the body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TextSeen {
    /// The text.
    pub text: String,
    /// Whether it stands there.
    pub found: bool,
}

/// What a JSON body holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JsonSeen {
    /// Why it is not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The values at each path that was asked for, in the order of the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathSeen>,
}

/// The values at a path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathSeen {
    /// The path.
    pub path: String,
    /// How many values there are.
    pub count: usize,
    /// The first 64 of them. A value that is too long to be right stands as a text that says so.
    pub values: Vec<Value>,
}
