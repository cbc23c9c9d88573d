//! Families as text, in the exposition format of Prometheus.

use prometheus_exporter::prometheus::TextEncoder;
use prometheus_exporter::prometheus::proto::{
    Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::metrics::{Family, Kind, Sample};

/// The text of families, in their order.
pub fn encode(families: &[Family]) -> String {
    let filled = families.iter().filter(|family| !family.samples.is_empty());
    let families: Vec<MetricFamily> = filled.map(of_family).collect();
    // It fails for families without a name or samples, and there are none.
    let text = TextEncoder::new().encode_to_string(&families);
    text.unwrap_or_default()
}

fn of_family(family: &Family) -> MetricFamily {
    let samples = family.samples.iter();
    let mut encoded = MetricFamily::default();
    encoded.set_name(family.name.to_owned());
    encoded.set_help(family.help.to_owned());
    encoded.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
    });
    encoded.set_metric(
        samples
            .map(|sample| of_sample(family.kind, sample))
            .collect(),
    );
    encoded
}

fn of_sample(kind: Kind, sample: &Sample) -> Metric {
    let mut encoded = Metric::default();
    if let Some((name, value)) = &sample.label {
        let mut label = LabelPair::default();
        label.set_name((*name).to_owned());
        label.set_value(value.clone());
        encoded.set_label(vec![label]);
    }
    match kind {
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(sample.value);
            encoded.set_counter(counter);
        }
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(sample.value);
            encoded.set_gauge(gauge);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(samples: Vec<Sample>) -> Family {
        Family {
            name: "things_total",
            kind: Kind::Counter,
            help: "Things, \\ and all.",
            samples,
        }
    }

    #[test]
    fn texts_are_escaped_and_numbers_written_in_full() {
        let samples = [(r#"a "b" \"#, 1e15), ("é\n", 0.1)].map(|(value, number)| Sample {
            label: Some(("kind", value.to_owned())),
            value: number,
        });
        assert_eq!(
            encode(&[family(samples.into())]),
            "# HELP things_total Things, \\\\ and all.\n\
             # TYPE things_total counter\n\
             things_total{kind=\"a \\\"b\\\" \\\\\"} 1000000000000000\n\
             things_total{kind=\"é\\n\"} 0.1\n"
        );
    }

    #[test]
    fn a_family_without_samples_does_not_hide_the_others() {
        let sample = Sample {
            label: None,
            value: 2.0,
        };
        let text = encode(&[family(Vec::new()), family(vec![sample])]);
        assert!(text.ends_with("\nthings_total 2\n"), "{text}");
    }
}
