//! Ginkgo's enumerations, which its JSON carries as words; the zero value is `null` or left out.

use serde::{Deserialize, Deserializer};

/// Declares an enumeration with the word of each value; an unknown word reads as the first value,
/// which is what Ginkgo's own decoder makes of it.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $(#[$zero_meta:meta])* $zero:ident = $zero_word:literal,
        $($(#[$value_meta:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[$zero_meta])*
            #[default]
            $zero,
            $($(#[$value_meta])* $value,)*
        }

        impl $name {
            /// The word Ginkgo prints.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$zero => $zero_word,
                    $(Self::$value => $word,)*
                }
            }

            /// The value that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$value,)*
                    _ => Self::$zero,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = Option::<String>::deserialize(deserializer)?;
                Ok(word.map_or(Self::$zero, |word| Self::from_word(&word)))
            }
        }
    };
}

words! {
    /// `types.NodeType`: what kind of node a report, a failure or an event is about.
    NodeType {
        /// Go's zero value.
        Invalid = "INVALID NODE TYPE",
        /// Describe, Context, When.
        Container = "Container",
        /// A spec.
        It = "It",
        /// Runs before each spec.
        BeforeEach = "BeforeEach",
        /// Runs right before each spec.
        JustBeforeEach = "JustBeforeEach",
        /// Runs after each spec.
        AfterEach = "AfterEach",
        /// Runs right after each spec.
        JustAfterEach = "JustAfterEach",
        /// Runs before an Ordered container.
        BeforeAll = "BeforeAll",
        /// Runs after an Ordered container.
        AfterAll = "AfterAll",
        /// Runs on each process before its first spec.
        BeforeSuite = "BeforeSuite",
        /// Runs on process 1, then on all.
        SynchronizedBeforeSuite = "SynchronizedBeforeSuite",
        /// Runs on each process after its last spec.
        AfterSuite = "AfterSuite",
        /// Runs on all processes, then on process 1.
        SynchronizedAfterSuite = "SynchronizedAfterSuite",
        /// Sees each report before its spec runs.
        ReportBeforeEach = "ReportBeforeEach",
        /// Sees each report.
        ReportAfterEach = "ReportAfterEach",
        /// Sees the suite report before the run.
        ReportBeforeSuite = "ReportBeforeSuite",
        /// Sees the suite report.
        ReportAfterSuite = "ReportAfterSuite",
        /// A clean-up without a place.
        CleanupInvalid = "DeferCleanup",
        /// A spec's clean-up.
        CleanupAfterEach = "DeferCleanup (Each)",
        /// An Ordered container's clean-up.
        CleanupAfterAll = "DeferCleanup (All)",
        /// The suite's clean-up.
        CleanupAfterSuite = "DeferCleanup (Suite)",
        /// A failure hook without a place, from 2.34.
        OnFailureInvalid = "DeferOnFailure",
        /// A spec's failure hook, from 2.34.
        OnFailureEach = "DeferOnFailure (Each)",
        /// An Ordered container's failure hook, from 2.34.
        OnFailureAll = "DeferOnFailure (All)",
        /// The suite's failure hook, from 2.34.
        OnFailureSuite = "DeferOnFailure (Suite)",
    }
}

impl NodeType {
    /// Whether reports of this type stand for the suite's own nodes (`NodeTypesForSuiteLevelNodes`).
    pub fn is_suite_level(self) -> bool {
        matches!(
            self,
            Self::BeforeSuite
                | Self::SynchronizedBeforeSuite
                | Self::AfterSuite
                | Self::SynchronizedAfterSuite
                | Self::ReportBeforeSuite
                | Self::ReportAfterSuite
                | Self::CleanupAfterSuite
        )
    }
}

words! {
    /// `types.FailureNodeContext`: where the failing node stands relative to the spec.
    FailureContext {
        /// No failure.
        Invalid = "INVALID FAILURE NODE CONTEXT",
        /// In the leaf itself.
        LeafNode = "leaf-node",
        /// In a node outside of all containers.
        TopLevel = "top-level",
        /// In a node of one of the containers.
        InContainer = "in-container",
    }
}

words! {
    /// `types.ReportEntryVisibility`: when the console shows an entry.
    EntryVisibility {
        /// Always.
        Always = "always",
        /// When the spec fails, or with `-v`.
        FailureOrVerbose = "failure-or-verbose",
        /// Only in machine-readable reports.
        Never = "never",
    }
}

words! {
    /// `types.SpecEventType`: what happened within a spec.
    SpecEventType {
        /// Go's zero value.
        Invalid = "INVALID SPEC EVENT",
        /// A By() began.
        ByStart = "By",
        /// A By() with a callback ended.
        ByEnd = "By (End)",
        /// A node began.
        NodeStart = "Node",
        /// A node ended.
        NodeEnd = "Node (End)",
        /// One more attempt of MustPassRepeatedly follows.
        SpecRepeat = "Repeat",
        /// One more flake attempt follows.
        SpecRetry = "Retry",
    }
}

impl SpecEventType {
    /// Whether only `-vv` shows events of this type.
    pub fn is_very_verbose(self) -> bool {
        matches!(self, Self::ByEnd | Self::NodeStart | Self::NodeEnd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_and_null_are_the_zero_value() {
        let parse = |json| serde_json::from_str::<NodeType>(json).unwrap();
        assert_eq!(parse("\"DeferCleanup (Suite)\""), NodeType::CleanupAfterSuite);
        assert_eq!(parse("null"), NodeType::Invalid);
        assert_eq!(parse("\"NextYearsNode\""), NodeType::Invalid);
        assert_eq!(
            serde_json::from_str::<EntryVisibility>("null").unwrap(),
            EntryVisibility::Always
        );
    }
}
