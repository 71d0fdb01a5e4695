//! `multibeam pki`

use std::time::Duration;

use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::pki;

use super::fail;
use crate::args::{PkiArgs, PkiCommand, RoleArg};
use crate::exit::Exit;

/// Ten years: making a new CA means touching every host.
const CA_VALID: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// One year, as is common for such certificates.
const VALID: Duration = Duration::from_secs(365 * 24 * 3600);

/// Makes certificates.
pub(super) fn run(args: &PkiArgs) -> Exit {
    match &args.command {
        PkiCommand::Ca { dir } => match pki::make_ca(dir, CA_VALID) {
            Ok(()) => {
                println!("{}", dir.join(pki::AUTHORITY_CERTIFICATE).display());
                Exit::SUCCESS
            }
            Err(error) => fail(Exit::INPUT, &error),
        },
        PkiCommand::Issue { role, name, host, dir } => {
            let role = match role {
                RoleArg::Coordinator => Role::Coordinator,
                RoleArg::Aggregator => Role::Aggregator,
                RoleArg::Worker => Role::Worker,
                RoleArg::User => Role::User,
            };
            let identity = Identity { role, name: name.clone() };
            match pki::issue(dir, &identity, host, VALID) {
                Ok(files) => {
                    println!("--ca {} \\", files.authority.display());
                    println!("--cert {} \\", files.certificate.display());
                    println!("--key {}", files.key.display());
                    Exit::SUCCESS
                }
                Err(error) => fail(Exit::INPUT, &error),
            }
        }
    }
}
