//! Finds a cluster's entry in the user's kubeconfig files and copies it for the suite processes.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::error::ClusterError;

/// Where the credentials of a cluster are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The cluster's name in the run file; every error names it.
    pub cluster: String,
    /// The kubeconfig. None: the files of `KUBECONFIG`, else `~/.kube/config`, as kubectl does.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it. None: its current one.
    pub context: Option<String>,
}

/// Where a context leads, as far as its kubeconfig tells: two that are equal are one cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    url: String,
    /// The same address may be another one behind a proxy,
    proxy: Option<String>,
    /// and a gateway may tell clusters apart by the name that TLS asks for.
    tls_name: Option<String>,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// One context of a kubeconfig with the one cluster and user it names; all paths are absolute.
///
/// No `Debug`: some authentication providers keep tokens in plain fields.
pub(crate) struct Selected {
    pub(crate) kubeconfig: Kubeconfig,
    pub(crate) context: String,
    pub(crate) server: String,
}

impl Access {
    /// Reads the kubeconfig and reduces it to the wanted context.
    pub(crate) fn select(&self) -> Result<Selected, ClusterError> {
        let (kubeconfig, files) = self.read()?;
        self.reduce(kubeconfig, files)
    }

    fn read(&self) -> Result<(Kubeconfig, Vec<PathBuf>), ClusterError> {
        let named = self.kubeconfig.clone();
        let candidates = named.clone().map_or_else(usual_files, |file| vec![file]);
        let mut merged: Option<Kubeconfig> = None;
        let mut files = Vec::new();
        for path in &candidates {
            // Relative entries are resolved against the file's folder, which must not be relative
            // itself: the suite processes run elsewhere.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let kubeconfig = match Kubeconfig::read_from(&path) {
                Ok(kubeconfig) => kubeconfig,
                // Like kubectl: a file that was not named by the user may be absent.
                Err(KubeconfigError::ReadConfig(error, _))
                    if named.is_none() && error.kind() == io::ErrorKind::NotFound =>
                {
                    continue;
                }
                Err(error) => return Err(self.unreadable(path, error)),
            };
            files.push(path.clone());
            merged = Some(match merged {
                None => kubeconfig,
                Some(first) => {
                    first.merge(kubeconfig).map_err(|error| self.unreadable(path, error))?
                }
            });
        }
        match merged {
            Some(kubeconfig) => Ok((kubeconfig, files)),
            None => Err(ClusterError::NoKubeconfig {
                cluster: self.cluster.clone(),
                looked_at: candidates,
            }),
        }
    }

    fn unreadable(&self, path: PathBuf, error: KubeconfigError) -> ClusterError {
        let cluster = self.cluster.clone();
        match error {
            KubeconfigError::ReadConfig(source, _) => {
                ClusterError::UnreadableKubeconfig { cluster, path, source }
            }
            KubeconfigError::Parse(error) => {
                let place = error.location();
                ClusterError::InvalidKubeconfig {
                    cluster,
                    path,
                    line: place.map(|p| p.line()),
                    column: place.map(|p| p.column()),
                }
            }
            _ => ClusterError::InvalidKubeconfig { cluster, path, line: None, column: None },
        }
    }

    fn reduce(&self, mut all: Kubeconfig, files: Vec<PathBuf>) -> Result<Selected, ClusterError> {
        let known = || all.contexts.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let cluster = || self.cluster.clone();
        let current = all.current_context.clone().filter(|name| !name.is_empty());
        let Some(name) = self.context.clone().or(current) else {
            return Err(ClusterError::NoCurrentContext {
                cluster: cluster(),
                files,
                known: known(),
            });
        };
        if !all.contexts.iter().any(|c| c.name == name) {
            return Err(ClusterError::UnknownContext {
                cluster: cluster(),
                files,
                context: name,
                known: known(),
            });
        }
        all.contexts.retain(|c| c.name == name);
        all.contexts.truncate(1);
        let incomplete = |missing: String| ClusterError::IncompleteContext {
            cluster: self.cluster.clone(),
            context: name.clone(),
            missing,
        };
        let context = all.contexts[0]
            .context
            .clone()
            .ok_or_else(|| incomplete("it names no cluster".to_owned()))?;
        all.clusters.retain(|c| c.name == context.cluster);
        all.clusters.truncate(1);
        let server = all
            .clusters
            .first()
            .ok_or_else(|| incomplete(format!("there is no cluster `{}`", context.cluster)))?
            .cluster
            .as_ref()
            .and_then(|c| c.server.clone())
            .filter(|server| !server.is_empty())
            .ok_or_else(|| incomplete(format!("cluster `{}` has no `server`", context.cluster)))?;
        // A context without a user is an anonymous one.
        let user = context.user.clone().filter(|user| !user.is_empty());
        all.auth_infos.retain(|a| Some(&a.name) == user.as_ref());
        all.auth_infos.truncate(1);
        if let (Some(user), true) = (&user, all.auth_infos.is_empty()) {
            return Err(incomplete(format!("there is no user `{user}`")));
        }
        all.current_context = Some(name.clone());
        all.kind = Some("Config".to_owned());
        all.api_version = Some("v1".to_owned());
        Ok(Selected { kubeconfig: all, context: name, server })
    }
}

/// Whether there is a kubeconfig with the wanted context, complete, and which API server that leads to.
/// Nothing is connected to, and no file that it names (a certificate, say) is looked at.
///
/// # Errors
/// If the user's kubeconfig cannot be read, or lacks the context or a part of it.
pub fn check(access: &Access) -> Result<Server, ClusterError> {
    let Selected { kubeconfig, server, .. } = access.select()?;
    let cluster = kubeconfig.clusters.into_iter().next().and_then(|named| named.cluster);
    let (proxy, tls_name) =
        cluster.map(|cluster| (cluster.proxy_url, cluster.tls_server_name)).unwrap_or_default();
    Ok(Server { url: server.trim_end_matches('/').to_owned(), proxy, tls_name })
}

/// Writes a kubeconfig that holds nothing but the chosen context, as the current one, for the suite
/// processes of this cluster: readable by its owner only (mode 0600), relative paths resolved.
/// Returns its path, `kubeconfig` in `dir`, which must exist.
///
/// # Errors
/// If the user's kubeconfig cannot be read, lacks the context, or the copy cannot be written.
pub fn write_private(access: &Access, dir: &Path) -> Result<PathBuf, ClusterError> {
    let selected = access.select()?;
    let path = dir.join("kubeconfig");
    let failed = |source| ClusterError::WriteKubeconfig {
        cluster: access.cluster.clone(),
        path: path.clone(),
        source,
    };
    // JSON is YAML, and needs no second writer.
    let text =
        serde_json::to_vec_pretty(&selected.kubeconfig).map_err(|e| failed(io::Error::other(e)))?;
    let partial = dir.join("kubeconfig.partial");
    // A file left by a killed worker may have any mode and owner.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&partial, &path).map_err(failed)?;
    Ok(path)
}

fn usual_files() -> Vec<PathBuf> {
    let listed: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|list| std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if !listed.is_empty() {
        return listed;
    }
    std::env::home_dir().map(|home| home.join(".kube").join("config")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: here}}
- {name: two, context: {cluster: c2, user: u2}}
- {name: lost-cluster, context: {cluster: nowhere, user: u1}}
- {name: lost-user, context: {cluster: c1, user: nobody}}
- {name: anonymous, context: {cluster: c1, user: ''}}
- {name: no-server, context: {cluster: c3, user: u1}}
clusters:
- {name: c1, cluster: {server: 'https://one:6443', certificate-authority: pki/ca.crt}}
- {name: c2, cluster: {server: 'https://two:6443'}}
- {name: c3, cluster: {}}
users:
- name: u1
  user: {client-certificate: pki/me.crt, client-key: /abs/me.key}
- name: u2
  user: {token: top-secret-token, exec: {command: ./bin/login, args: [a], env: [{name: K, value: v}]}}
";

    fn access(dir: &Path, context: Option<&str>) -> Access {
        let file = dir.join("config");
        fs::write(&file, TWO).unwrap();
        Access { cluster: "lab".into(), kubeconfig: Some(file), context: context.map(Into::into) }
    }

    fn refused(dir: &Path, context: &str) -> String {
        match access(dir, Some(context)).select() {
            Ok(_) => panic!("{context} was accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_private_copy_has_one_context_absolute_paths_and_mode_600() {
        let dir = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        let path = write_private(&access(dir.path(), None), out.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let copy = Kubeconfig::read_from(&path).unwrap();
        assert_eq!(copy.current_context.as_deref(), Some("one"));
        assert_eq!((copy.contexts.len(), copy.clusters.len(), copy.auth_infos.len()), (1, 1, 1));
        let ca = copy.clusters[0].cluster.as_ref().unwrap().certificate_authority.clone().unwrap();
        assert_eq!(Path::new(&ca), dir.path().join("pki/ca.crt"));
        let user = copy.auth_infos[0].auth_info.as_ref().unwrap();
        assert_eq!(
            Path::new(user.client_certificate.as_ref().unwrap()),
            dir.path().join("pki/me.crt")
        );
        assert_eq!(user.client_key.as_deref(), Some("/abs/me.key"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("top-secret-token") && !text.contains("two"), "{text}");
        assert!(text.contains("\"namespace\": \"here\""), "{text}");
    }

    #[test]
    fn the_private_copy_keeps_tokens_and_exec_plugins_and_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("kubeconfig.partial"), "left by a killed worker").unwrap();
        for _ in 0..2 {
            let path = write_private(&access(dir.path(), Some("two")), out.path()).unwrap();
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains("top-secret-token"), "{text}");
            assert!(text.contains(&format!("{}/./bin/login", dir.path().display())), "{text}");
        }
        assert!(!out.path().join("kubeconfig.partial").exists());
    }

    #[test]
    fn a_missing_context_is_answered_with_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let text = refused(dir.path(), "three");
        assert!(text.contains("cluster `lab`") && text.contains("no context `three`"), "{text}");
        assert!(text.contains("`one`, `two`"), "{text}");
    }

    #[test]
    fn contexts_lead_to_servers_and_the_way_there_counts() {
        let dir = tempfile::tempdir().unwrap();
        let server = |context| check(&access(dir.path(), Some(context))).unwrap();
        assert_eq!(server("one"), server("anonymous"), "who asks makes no difference");
        assert_ne!(server("one"), server("two"));
        assert_eq!(server("one").to_string(), "https://one:6443");
        let file = dir.path().join("config");
        let through =
            TWO.replace("'https://two:6443'", "'https://one:6443/', proxy-url: 'http://p'");
        fs::write(&file, through).unwrap();
        let two = Some("two".into());
        let two = Access { cluster: "lab".into(), kubeconfig: Some(file), context: two };
        let through = check(&two).unwrap();
        assert_eq!(through.to_string(), "https://one:6443");
        assert_ne!(through, server("one"), "another network");
    }

    #[test]
    fn incomplete_contexts_say_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refused(dir.path(), "lost-cluster").contains("there is no cluster `nowhere`"));
        assert!(refused(dir.path(), "lost-user").contains("there is no user `nobody`"));
        assert!(refused(dir.path(), "no-server").contains("has no `server`"));
        assert!(access(dir.path(), Some("anonymous")).select().is_ok());
    }

    #[test]
    fn unreadable_and_invalid_files_are_named_without_their_content() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nothing-here");
        let access =
            Access { cluster: "lab".into(), kubeconfig: Some(file.clone()), context: None };
        let error = access.select().err().unwrap();
        assert!(matches!(error, ClusterError::UnreadableKubeconfig { .. }), "{error}");
        assert!(error.to_string().contains(file.to_str().unwrap()));

        fs::write(&file, "users:\n- name: u\n  user: {token: [top-secret-token}\n").unwrap();
        let error = access.select().err().unwrap();
        assert!(
            matches!(error, ClusterError::InvalidKubeconfig { line: Some(3), .. }),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("top-secret"), "{error:?}");

        fs::write(&file, "").unwrap();
        let error = access.select().err().unwrap();
        assert!(matches!(error, ClusterError::NoCurrentContext { .. }), "{error}");
    }
}
