//! Where discovery keeps what it finds, for all runs of this user.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::unistd::{AccessFlags, Uid, access, getuid};

/// The cache directory. Where the usual one cannot be used it lies among the temporary files, which
/// is said once: discovery then only takes its time again after a restart of the host.
#[must_use]
pub fn directory() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let usual = usual(|name| std::env::var_os(name));
        let (directory, note) = choose(usual, &std::env::temp_dir(), getuid());
        if let Some(note) = note {
            eprintln!("note: {note}");
        }
        directory
    };
    FOUND.get_or_init(find).clone()
}

/// Where caches lie by the XDG base directory specification, if the environment says so.
fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The specification has relative paths ignored.
    let path = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")))?;
    Some(base.join("multibeam"))
}

/// The usual directory if it can be written, else one of this user's in `temporary`, and what there
/// is to say about it.
fn choose(usual: Option<PathBuf>, temporary: &Path, user: Uid) -> (PathBuf, Option<String>) {
    let reason = match usual {
        Some(usual) => match writable(&usual) {
            Ok(()) => return (usual, None),
            Err(error) => {
                format!("the cache directory {} cannot be used ({error})", usual.display())
            }
        },
        None => "neither XDG_CACHE_HOME nor HOME names a place for a cache".to_owned(),
    };
    let instead = temporary.join(format!("multibeam-{user}"));
    let instead = match own(&instead, user) {
        Ok(()) => instead,
        // Somebody else's files are not to be trusted.
        Err(_) => fresh(temporary, user),
    };
    let note =
        format!("{reason}; using {} (hint: XDG_CACHE_HOME names a place)", instead.display());
    (instead, Some(note))
}

/// A directory for this process alone, under a name that nobody had before.
fn fresh(temporary: &Path, user: Uid) -> PathBuf {
    let names = (0..).map(|n: u64| format!("multibeam-{user}-{}-{n}", std::process::id()));
    let taken = |made: &io::Result<()>| {
        made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
    };
    let mut tried = names.map(|name| {
        let directory = temporary.join(name);
        let made = DirBuilder::new().mode(0o700).create(&directory);
        (directory, made)
    });
    // Where nothing can be made, nothing will be kept either.
    let found = tried.find(|(_, made)| !taken(made));
    found.map(|(directory, _)| directory).unwrap_or_default()
}

/// Makes a directory, and asks whether this user may make something in it.
fn writable(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
}

/// Makes a directory that only this user can write to, or looks whether it is one: in a place where
/// everybody may write, anybody may have made it.
fn own(directory: &Path, user: Uid) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() || found.uid() != user.as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    writable(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    #[test]
    fn the_environment_names_the_usual_place() {
        let usual = |set: &[(&str, &str)]| usual(variables(set));
        let at = |path: &str| Some(PathBuf::from(path));
        assert_eq!(usual(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), at("/c/multibeam"));
        assert_eq!(usual(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")]), at("/h/.cache/multibeam"));
        assert_eq!(usual(&[("XDG_CACHE_HOME", "relative")]), None);
        assert_eq!(usual(&[]), None);
    }

    #[test]
    fn without_a_usable_place_the_temporary_files_are_one() {
        let here = tempfile::tempdir().unwrap();
        let (user, here) = (getuid(), here.path());
        let good = here.join("cache/multibeam");
        assert_eq!(choose(Some(good.clone()), here, user), (good.clone(), None));
        assert!(good.is_dir());

        let file = here.join("file");
        fs::write(&file, "").unwrap();
        let instead = here.join(format!("multibeam-{user}"));
        for (usual, reason) in [(None, "neither"), (Some(file.join("multibeam")), "cannot be used")]
        {
            let (found, note) = choose(usual, here, user);
            assert_eq!(found, instead);
            let note = note.unwrap();
            assert!(note.contains(reason) && note.contains(&*instead.to_string_lossy()), "{note}");
        }
        assert_eq!(fs::metadata(&instead).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt as _;

        let here = tempfile::tempdir().unwrap();
        let (user, here) = (getuid(), here.path());
        let shared = here.join(format!("multibeam-{user}"));
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
        let (found, note) = choose(None, here, user);
        assert_ne!(found, shared);
        assert_eq!(fs::metadata(&found).unwrap().mode() & 0o777, 0o700);
        assert_ne!(choose(None, here, user).0, found, "nor is one that was there before");
        assert!(note.unwrap().contains(&*found.to_string_lossy()));
    }
}
