//! JUnit files, read by an XML parser that knows nothing of Ginkgo.

use std::path::Path;

use roxmltree::{Document, Node};

/// A JUnit file.
#[derive(Clone, Debug)]
pub struct Junit {
    /// `tests` of the root.
    pub tests: usize,
    /// `failures` of the root.
    pub failures: usize,
    /// `errors` of the root.
    pub errors: usize,
    /// The test suites' names.
    pub suites: Vec<String>,
    /// All cases.
    pub cases: Vec<Case>,
}

/// One test case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its test suite.
    pub suite: String,
    /// `name`.
    pub name: String,
    /// `classname`.
    pub class: String,
    /// `status`.
    pub status: String,
    /// Text of `<failure>`, if there is one.
    pub failure: Option<String>,
    /// Text of `<error>`, if there is one.
    pub error: Option<String>,
    /// `message` of `<skipped>`, if there is one.
    pub skipped: Option<String>,
}

impl Junit {
    /// Reads a file; panics unless it is well-formed.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let document = Document::parse(&text);
        let document = document.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites", "{}", path.display());
        let number = |name| attribute(root, name).parse().unwrap();
        let suites = || root.children().filter(|node| node.has_tag_name("testsuite"));
        Self {
            tests: number("tests"),
            failures: number("failures"),
            errors: number("errors"),
            suites: suites().map(|suite| attribute(suite, "name")).collect(),
            cases: suites().flat_map(cases).collect(),
        }
    }

    /// The case whose name contains this; panics unless there is exactly one.
    #[must_use]
    pub fn case(&self, text: &str) -> &Case {
        let found: Vec<_> = self.cases.iter().filter(|case| case.name.contains(text)).collect();
        assert_eq!(found.len(), 1, "cases with {text:?}: {:?}", found);
        found[0]
    }
}

fn cases<'a>(suite: Node<'a, 'a>) -> impl Iterator<Item = Case> + 'a {
    suite.children().filter(|node| node.has_tag_name("testcase")).map(move |case| Case {
        suite: attribute(suite, "name"),
        name: attribute(case, "name"),
        class: attribute(case, "classname"),
        status: attribute(case, "status"),
        failure: child(case, "failure").map(text),
        error: child(case, "error").map(text),
        skipped: child(case, "skipped").map(|skipped| attribute(skipped, "message")),
    })
}

fn attribute(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_default().to_owned()
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}
