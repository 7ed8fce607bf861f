//! Reading the answers of the API, strictly: what is not exactly an answer of Prometheus is none.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::facts::{Last, Outcome, Points, Series, Sort};
use super::labels::Labels;

/// The most warnings that are kept.
const MAX_WARNINGS: usize = 16;

/// What the API says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// A result.
    Result(Outcome),
    /// An error: its type and its words.
    Error(String, String),
}

/// Reads a body. At most `keep` series are kept; `quantile` is taken of their points.
///
/// # Errors
///
/// Why it is not an answer of Prometheus. The text may repeat words of the peer.
pub(super) fn read(body: &[u8], keep: usize, quantile: Option<f64>) -> Result<Said, String> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| format!("the body is not its JSON: {error}"))?;
    match envelope.status.as_str() {
        "success" => {}
        "error" => {
            let (Some(kind), Some(error)) = (envelope.error_type, envelope.error) else {
                return Err("an error has no type or no words".to_owned());
            };
            return Ok(Said::Error(kind, error));
        }
        _ => return Err("the status in the body is neither `success` nor `error`".to_owned()),
    }
    let data = envelope.data.ok_or("a success has no data")?;
    let sort = match data.result_type.as_str() {
        "vector" => Sort::Vector,
        "matrix" => Sort::Matrix,
        "scalar" => Sort::Scalar,
        "string" => Sort::String,
        _ => return Err("the type of the result is not one that Prometheus has".to_owned()),
    };
    let Items(items) = data.result;
    let mut outcome = Outcome { sort, total: items.len(), ..Outcome::default() };
    match sort {
        Sort::Vector | Sort::Matrix => {
            for (index, item) in items.into_iter().enumerate() {
                let Item::Series(raw) = item else {
                    return Err("a series is not an object".to_owned());
                };
                let points = points(sort, &raw, quantile)?;
                if index < keep {
                    outcome.series.push(Series { labels: raw.metric.0, points });
                }
            }
        }
        Sort::Scalar => {
            let [Item::Number(at), Item::Text(text)] = items.as_slice() else {
                return Err("a scalar is not a time and a text".to_owned());
            };
            let value = number(text).ok_or("a scalar is not a number")?;
            outcome.total = 1;
            outcome.series = vec![Series { labels: BTreeMap::new(), points: summed(&[(*at, value)], quantile) }];
        }
        Sort::String => {
            let [Item::Number(_), Item::Text(_)] = items.as_slice() else {
                return Err("a string is not a time and a text".to_owned());
            };
            outcome.total = 1;
        }
    }
    outcome.warnings = envelope.warnings.unwrap_or_default().into_iter().take(MAX_WARNINGS).collect();
    outcome.infos = envelope.infos.unwrap_or_default().into_iter().take(MAX_WARNINGS).collect();
    Ok(Said::Result(outcome))
}

fn points(sort: Sort, raw: &RawSeries, quantile: Option<f64>) -> Result<Points, String> {
    let mut all: Vec<(f64, Last)> = Vec::new();
    if sort == Sort::Vector {
        all.extend(raw.value.map(|Point(at, value)| (at, value)));
        all.extend(raw.histogram.as_ref().map(|(at, _)| (*at, Last::Histogram)));
        if all.len() != 1 || raw.values.is_some() || raw.histograms.is_some() {
            return Err("a series of a vector has not exactly one point".to_owned());
        }
    } else {
        all.extend(raw.values.iter().flatten().map(|Point(at, value)| (*at, *value)));
        all.extend(raw.histograms.iter().flatten().map(|(at, _)| (*at, Last::Histogram)));
        if all.is_empty() || raw.value.is_some() || raw.histogram.is_some() {
            return Err("a series of a matrix has no points".to_owned());
        }
        all.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    Ok(summed(&all, quantile))
}

/// Takes points together that stand in the order of their times.
fn summed(all: &[(f64, Last)], quantile: Option<f64>) -> Points {
    let mut points = Points { count: all.len(), ..Points::default() };
    if let (Some((first, _)), Some((last, value))) = (all.first(), all.last()) {
        (points.first_at, points.last_at, points.last) = (*first, *last, *value);
    }
    let mut numbers = Vec::with_capacity(all.len());
    for (_, value) in all {
        match value {
            Last::Number(number) => numbers.push(*number),
            Last::Nan => points.nan += 1,
            Last::PlusInfinity | Last::MinusInfinity => points.infinite += 1,
            Last::Histogram => points.histograms += 1,
        }
    }
    numbers.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (numbers.first(), numbers.last()) else {
        return points;
    };
    (points.min, points.max) = (Some(*min), Some(*max));
    let count = numbers.len() as f64;
    // Divided first: the sum of large numbers may be none.
    points.avg = Some(numbers.iter().map(|number| number / count).sum::<f64>().clamp(*min, *max));
    points.quantile = quantile.and_then(|share| Some((share, interpolated(&numbers, share)?)));
    points
}

/// Returns a quantile of sorted numbers, as Prometheus does.
fn interpolated(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = share * (sorted.len().checked_sub(1)? as f64);
    let (low, weight) = (rank.floor(), rank - rank.floor());
    // The rank lies inside the list.
    let low = low as usize;
    let one = *sorted.get(low)?;
    let other = sorted.get(low + 1).copied().unwrap_or(one);
    Some(one * (1.0 - weight) + other * weight)
}

/// Reads a number as Prometheus writes it.
fn number(text: &str) -> Option<Last> {
    match text {
        "NaN" => return Some(Last::Nan),
        "+Inf" => return Some(Last::PlusInfinity),
        "-Inf" => return Some(Last::MinusInfinity),
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Last::Number)
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    infos: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: Items,
}

/// Series, or a time and a text: no more than those two, as an item is many times as large as a digit.
struct Items(Vec<Item>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Items;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Items, S::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() >= 2 && !matches!(item, Item::Series(_)) {
                        return Err(S::Error::custom("a result goes on behind a time and a text"));
                    }
                    items.push(item);
                }
                Ok(Items(items))
            }
        }

        deserializer.deserialize_seq(All)
    }
}

/// What stands in a result: a series, or the time and the text of a scalar.
enum Item {
    Series(Box<RawSeries>),
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series, a time or a text")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Item, E> {
                Ok(Item::Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Item, E> {
                Ok(Item::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Item, E> {
                Ok(Item::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Item, M::Error> {
                let raw = RawSeries::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Item::Series(Box::new(raw)))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[derive(Deserialize)]
struct RawSeries {
    metric: Labels,
    value: Option<Point>,
    values: Option<Vec<Point>>,
    histogram: Option<(f64, IgnoredAny)>,
    histograms: Option<Vec<(f64, IgnoredAny)>>,
}

/// A time and a number in a text.
#[derive(Clone, Copy)]
struct Point(f64, Last);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;

        impl<'de> Visitor<'de> for Pair {
            type Value = Point;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a number in a text")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut pair: S) -> Result<Point, S::Error> {
                let wrong = || S::Error::custom("a point is not a time and a number in a text");
                let at: f64 = pair.next_element()?.ok_or_else(wrong)?;
                let text: std::borrow::Cow<'de, str> = pair.next_element()?.ok_or_else(wrong)?;
                let value = number(&text).ok_or_else(wrong)?;
                if pair.next_element::<IgnoredAny>()?.is_some() {
                    return Err(wrong());
                }
                Ok(Point(at, value))
            }
        }

        deserializer.deserialize_seq(Pair)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(data: &str) -> Result<Outcome, String> {
        let body = format!(r#"{{"status":"success","data":{data}}}"#);
        match read(body.as_bytes(), 2, Some(0.5))? {
            Said::Result(outcome) => Ok(outcome),
            Said::Error(..) => Err("an error".to_owned()),
        }
    }

    #[test]
    fn the_four_sorts_are_read() {
        let vector = r#"{"resultType":"vector","result":[
            {"metric":{"job":"a"},"value":[1.5,"1e+06"]},
            {"metric":{"job":"b"},"value":[1,"NaN"]},
            {"metric":{"job":"c"},"histogram":[1,{"count":"3","buckets":[[0,"1","2","3"]]}]}]}"#;
        let outcome = result(vector).unwrap();
        assert_eq!((outcome.total, outcome.series.len()), (3, 2));
        assert_eq!(outcome.series[0].points.last, Last::Number(1e6));
        assert_eq!(outcome.series[1].points.last, Last::Nan);
        let matrix =
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"4"],[2,"-Inf"],[3,"1"],[4,"3"]]}]}"#;
        let points = result(matrix).unwrap().series[0].points.clone();
        assert_eq!((points.count, points.infinite, points.last), (4, 1, Last::Number(3.0)));
        assert_eq!((points.min, points.max, points.quantile), (Some(1.0), Some(4.0), Some((0.5, 3.0))));
        assert!((points.avg.unwrap() - 8.0 / 3.0).abs() < 1e-9);
        let scalar = result(r#"{"resultType":"scalar","result":[1.5,"+Inf"]}"#).unwrap();
        assert_eq!(scalar.series[0].points.last, Last::PlusInfinity);
        assert_eq!(result(r#"{"resultType":"string","result":[1.5,"x"]}"#).unwrap().sort, Sort::String);
        let error = read(br#"{"status":"error","errorType":"bad_data","error":"1:2: parse error: x"}"#, 1, None);
        assert_eq!(error, Ok(Said::Error("bad_data".into(), "1:2: parse error: x".into())));
    }

    #[test]
    fn what_is_nearly_an_answer_is_none() {
        for data in [
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,1]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"inf"]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"1e999"]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,""]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"1",2]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"1"],"value":[1,"2"]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{"a":"1","a":"2"},"value":[1,"1"]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{}}]}"#,
            r#"{"resultType":"vector","result":[{"value":[1,"1"]}]}"#,
            r#"{"resultType":"vector","result":[{"metric":{},"values":[[1,"1"]]}]}"#,
            r#"{"resultType":"vector","result":[1,"2"]}"#,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[]}]}"#,
            r#"{"resultType":"scalar","result":[1]}"#,
            r#"{"resultType":"scalar","result":[1,"1",2]}"#,
            r#"{"resultType":"scalar","result":[]}"#,
            r#"{"resultType":"scalar","result":[1,"x"]}"#,
            r#"{"resultType":"streams","result":[]}"#,
            r#"{"resultType":"vector","result":null}"#,
            r#"{"resultType":"vector"}"#,
            "null",
            r#"{"resultType":"vector","result":[]},"data":{"resultType":"vector","result":[]}"#,
        ] {
            assert!(result(data).is_err(), "{data}");
        }
        for body in ["", "[]", "{}", r#"{"status":"ok"}"#, r#"{"status":"error"}"#, r#"{"status":"success"}"#, "<html>"]
        {
            assert!(read(body.as_bytes(), 1, None).is_err(), "{body}");
        }
        let deep = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{}"#, "[".repeat(100_000));
        assert!(read(deep.as_bytes(), 1, None).is_err());
    }

    #[test]
    fn large_numbers_have_a_mean() {
        let points = summed(&[(1.0, Last::Number(f64::MAX)), (2.0, Last::Number(f64::MAX))], Some(0.95));
        assert_eq!(points.avg, Some(f64::MAX));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, 3, Some(0.9));
        }
    }
}
