//! Documents are read as engines read them, or not at all.
//!
//! Go takes `config` for `Config`, and the last of two. A document with both would be one image to
//! the agent and another to the engine, so it is refused.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// Objects whose keys are names that people choose.
const FREE_KEYS: [&str; 4] = ["annotations", "labels", "volumes", "exposedports"];

/// Reads a document; two keys that differ in case alone are an error.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<Unambiguous>(bytes)?;
    serde_json::from_slice(bytes)
}

/// Any value without two keys that differ in case alone.
struct Unambiguous;

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk).map(|()| Self)
    }
}

struct Walk;

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let folded = key.to_lowercase();
            if FREE_KEYS.contains(&folded.as_str()) {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Walk)?;
            }
            if !seen.insert(folded) {
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Walk)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_key_is_there_once_in_any_case() {
        for text in [
            r#"[{"Config":"a","config":"b"}]"#,
            r#"{"a":1,"a":1}"#,
            r#"{"x":{"Y":[{"z":1,"Z":null}]}}"#,
            r#"{"labels":{},"Labels":{}}"#,
        ] {
            let error = parse::<Value>(text.as_bytes()).unwrap_err();
            assert!(
                error.to_string().contains("is there twice"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn names_that_people_choose_may_differ_in_case() {
        for text in [
            r#"{"config":{"Labels":{"A":"1","a":"2"},"Volumes":{"/A":{},"/a":{}}}}"#,
            r#"[1,-1,1.5,true,null,"x",{"a":[]}]"#,
        ] {
            assert!(parse::<Value>(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
