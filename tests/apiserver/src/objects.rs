//! The stand-in's objects: as much of the API's rules as Multibeam relies on.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::{Asked, Reply};

/// Objects by the path of their own.
pub struct Objects {
    /// The objects.
    pub all: BTreeMap<String, Value>,
    /// What `/version` says.
    pub git_version: String,
    version: u64,
    /// Lists of namespaces that a deleted namespace without finalizers still appears in.
    pub linger: u32,
    leaving: BTreeMap<String, u32>,
}

const COLLECTIONS: [&str; 7] = [
    "/api/v1/namespaces",
    "/api/v1/nodes",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/apiregistration.k8s.io/v1/apiservices",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
];

impl Default for Objects {
    fn default() -> Self {
        let mut objects = Self {
            all: BTreeMap::new(),
            git_version: "v1.36.2".to_owned(),
            version: 0,
            linger: 0,
            leaving: BTreeMap::new(),
        };
        objects.put(
            "/api/v1/namespaces/kube-system",
            json!({"metadata": {"uid": "uid-of-kube-system"}}),
        );
        objects
    }
}

impl Objects {
    /// Creates or replaces an object; name and version are filled in.
    pub fn put(&mut self, path: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["name"] = json!(path.rsplit('/').next().unwrap());
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.all.insert(path.to_owned(), object);
    }

    /// Whether there is an object.
    pub fn has(&self, path: &str) -> bool {
        self.all.contains_key(path)
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Reply {
        let path = asked.path.as_str();
        match path {
            "/version" => {
                let version = json!({"major": "1", "minor": "36", "gitVersion": self.git_version, "gitCommit": "c",
                    "gitTreeState": "clean", "buildDate": "d", "goVersion": "go1.26", "compiler": "gc",
                    "platform": "linux/amd64"});
                return Reply::json(200, &version);
            }
            "/readyz" => return Reply::text(200, "ok"),
            _ => {}
        }
        if COLLECTIONS.contains(&path) {
            return match asked.method {
                Method::GET => self.list(path, &asked.query),
                Method::POST => self.create(path, asked),
                _ => Reply::failure(405, "MethodNotAllowed", "not this"),
            };
        }
        let Some(current) = self.all.get(path).cloned() else {
            return Reply::failure(404, "NotFound", &format!("{path} not found"));
        };
        match asked.method {
            Method::GET => Reply::json(200, &current),
            Method::PUT => self.write(path, &current, asked.body.clone()),
            Method::PATCH => {
                let mut next = current.clone();
                merge(&mut next, &asked.body);
                self.write(path, &current, next)
            }
            Method::DELETE => self.delete(path, &current, &asked.body),
            _ => Reply::failure(405, "MethodNotAllowed", "not this"),
        }
    }

    fn list(&mut self, collection: &str, query: &str) -> Reply {
        if collection == "/api/v1/namespaces" {
            let mut gone = Vec::new();
            for (path, lists) in &mut self.leaving {
                match lists.checked_sub(1) {
                    Some(fewer) => *lists = fewer,
                    None => gone.push(path.clone()),
                }
            }
            for path in gone {
                self.leaving.remove(&path);
                self.all.remove(&path);
            }
        }
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector="));
        let items: Vec<&Value> = self
            .all
            .iter()
            .filter(|(path, _)| {
                path.strip_prefix(collection)
                    .and_then(|r| r.strip_prefix('/'))
                    .is_some_and(|n| !n.contains('/'))
            })
            .map(|(_, object)| object)
            .filter(|object| {
                wanted.is_none_or(|label| !object["metadata"]["labels"][label].is_null())
            })
            .collect();
        Reply::json(
            200,
            &json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}),
        )
    }

    fn create(&mut self, collection: &str, asked: &Asked) -> Reply {
        let mut object = asked.body.clone();
        let path = format!("{collection}/{}", object["metadata"]["name"].as_str().unwrap());
        if let Some(agent) = &asked.user_agent {
            // The name of a client is what it calls itself up to the slash.
            let manager = agent.split('/').next().unwrap_or_default();
            object["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update",
                "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {}}}]);
        }
        if self.has(&path) {
            return Reply::failure(409, "AlreadyExists", "already exists");
        }
        self.put(&path, object);
        Reply::json(201, &self.all[&path])
    }

    fn write(&mut self, path: &str, current: &Value, next: Value) -> Reply {
        let version = &next["metadata"]["resourceVersion"];
        if !version.is_null() && *version != current["metadata"]["resourceVersion"] {
            return Reply::failure(409, "Conflict", "the object has been modified");
        }
        self.put(path, next);
        Reply::json(200, &self.all[path])
    }

    fn delete(&mut self, path: &str, current: &Value, options: &Value) -> Reply {
        for field in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][field];
            if !wanted.is_null() && *wanted != current["metadata"][field] {
                return Reply::failure(409, "Conflict", "the precondition does not hold");
            }
        }
        let stuck = current["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        if path.starts_with("/api/v1/namespaces/") {
            let mut leaving = current.clone();
            leaving["status"]["phase"] = json!("Terminating");
            self.put(path, leaving);
            if !stuck {
                self.leaving.insert(path.to_owned(), self.linger);
            }
        } else if !stuck {
            self.all.remove(path);
        }
        Reply::json(200, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let object = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
