//! Commented run files to begin with.

/// Which example is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Example {
    /// Every key, explained, with its default.
    #[default]
    Full,
    /// One target on one cluster, nothing more.
    Minimal,
    /// Versions × CNI × kube-proxy mode from one entry.
    Matrix,
}

impl Example {
    /// All of them.
    pub const ALL: [Example; 3] = [Example::Full, Example::Minimal, Example::Matrix];

    /// The word that a command line takes for it.
    pub fn name(self) -> &'static str {
        match self {
            Example::Full => "full",
            Example::Minimal => "minimal",
            Example::Matrix => "matrix",
        }
    }

    /// The example of that name.
    pub fn from_name(name: &str) -> Option<Example> {
        Self::ALL.into_iter().find(|example| example.name() == name)
    }
}

/// The text of an example, valid as it stands.
pub fn template(example: Example) -> &'static str {
    match example {
        Example::Full => include_str!("../examples/full.yaml"),
        Example::Minimal => include_str!("../examples/minimal.yaml"),
        Example::Matrix => include_str!("../examples/matrix.yaml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_parses_without_a_warning() {
        for example in Example::ALL {
            let parsed =
                crate::parse(example.name(), template(example)).unwrap_or_else(|e| panic!("{e}"));
            assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
            assert_eq!(Example::from_name(example.name()), Some(example));
        }
    }

    #[test]
    fn the_full_example_shows_every_key_and_its_default() {
        let with = crate::parse("full", template(Example::Full)).unwrap().run;
        let without = crate::parse("minimal", template(Example::Minimal)).unwrap().run;
        assert_eq!(with.limits, without.limits);
        assert_eq!(with.results, without.results);
        assert_eq!(with.cleanup, without.cleanup);
        let text = template(Example::Full);
        fn keys(object: &multibeam_document::table::Object, seen: &mut Vec<&'static str>) {
            for field in object.fields {
                seen.push(field.key);
                inner(&field.ty, seen);
            }
        }
        fn inner(ty: &multibeam_document::table::Ty, seen: &mut Vec<&'static str>) {
            match ty {
                multibeam_document::table::Ty::Object(object) => keys(object, seen),
                multibeam_document::table::Ty::List { item, .. } => inner(item, seen),
                _ => {}
            }
        }
        let mut all = Vec::new();
        keys(&crate::settings::RUN, &mut all);
        assert!(all.len() > 40, "the table is walked");
        for key in all {
            assert!(text.contains(&format!("{key}:")), "{key} is not in the full example");
        }
    }
}
