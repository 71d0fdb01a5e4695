//! `multibeam aggregator list`, `add`, and `remove`.

use std::io::Write as _;
use std::time::Duration;

use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::group_client::GroupClient;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use serde_json::json;
use tonic::Status;

use super::JSON_FORMAT;
use crate::args::MembersPlace;
use crate::commands::fail_status;
use crate::connect;
use crate::exit::Exit;

/// How long a group may be without a leader before the user learns so.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same for somebody who only looks.
const LOOKING_PATIENCE: Duration = Duration::from_secs(10);

/// How often a new member is looked at, ...
const LOOK: Duration = Duration::from_millis(500);

/// ... and how many times in a row it may not have been heard before the user learns why that may be.
const UNHEARD: u32 = 20;

type Client = GroupClient<Endpoints>;

pub(super) async fn list(place: &MembersPlace, stale: bool, as_json: bool) -> Result<(), Exit> {
    let client = client(place)?;
    let looked = async |stale| within(LOOKING_PATIENCE, || ask(&client, stale)).await;
    let led = if stale { None } else { looked(false).await? };
    let has_leader = led.is_some();
    let list = match led {
        Some(list) => list,
        None => looked(true).await?.ok_or_else(|| unanswered("aggregator", LOOKING_PATIENCE))?,
    };
    let text = if as_json { to_json(&list) } else { table(&list) };
    // Nobody may read any more (`| head`).
    let _ = std::io::stdout().write_all(text.as_bytes());
    if has_leader || stale {
        return Ok(());
    }
    Err(unanswered("leader", LOOKING_PATIENCE))
}

pub(super) async fn add(
    place: &MembersPlace,
    node: u64,
    address: String,
    no_wait: bool,
) -> Result<(), Exit> {
    let client = client(place)?;
    patiently(|| {
        let (mut client, address) = (client.clone(), address.clone());
        async move { client.add_member(wire::AddMemberRequest { node, address }).await }
    })
    .await?;
    println!("member {node} follows");
    if no_wait {
        return Ok(());
    }
    until_it_votes(&client, node).await?;
    println!("member {node} votes");
    Ok(())
}

/// Waits until a new member has a vote, and says how far it is whenever that changes.
async fn until_it_votes(client: &Client, node: u64) -> Result<(), Exit> {
    let (mut seen, mut unheard) = (None, 0);
    loop {
        let list = members(client).await?;
        let Some(member) = list.members.iter().find(|member| member.node == node) else {
            eprintln!("error: member {node} was removed meanwhile");
            return Err(Exit::ENVIRONMENT);
        };
        if member.votes {
            return Ok(());
        }
        let matched = member.matched();
        if seen != Some(matched) {
            eprintln!("member {node} has {matched} of {} entries", list.commit);
        }
        // One that is sent a large state has none of its entries for long, and is alive.
        unheard = if member.alive() { 0 } else { unheard + 1 };
        if unheard == UNHEARD {
            let waited = (LOOK * UNHEARD).as_secs();
            eprintln!("nothing of member {node} was heard for {waited} s; still waiting");
            eprintln!(
                "  (hint: it has to run with --join, be reached at {}, and never have been a \
                 member before: the number of one that was removed is used up)",
                member.address
            );
        }
        seen = Some(matched);
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) async fn remove(place: &MembersPlace, node: u64, force: bool) -> Result<(), Exit> {
    let client = client(place)?;
    patiently(|| {
        let mut client = client.clone();
        async move { client.remove_member(wire::RemoveMemberRequest { node, force }).await }
    })
    .await?;
    println!("member {node} is removed");
    Ok(())
}

fn client(place: &MembersPlace) -> Result<Client, Exit> {
    Ok(GroupClient::new(connect::endpoints(&place.aggregator, &place.tls)?))
}

async fn members(client: &Client) -> Result<wire::ListMembersResponse, Exit> {
    patiently(|| ask(client, false)).await
}

fn ask(
    client: &Client,
    stale: bool,
) -> impl Future<Output = Result<tonic::Response<wire::ListMembersResponse>, Status>> + use<> {
    let mut client = client.clone();
    async move { client.list_members(wire::ListMembersRequest { stale }).await }
}

/// Calls until there is an answer: an election takes a second or two.
async fn patiently<T, F>(call: impl FnMut() -> F) -> Result<T, Exit>
where
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    within(PATIENCE, call).await?.ok_or_else(|| unanswered("leader", PATIENCE))
}

/// Calls one member after the other; nothing when none answers for too long.
async fn within<T, F>(patience: Duration, call: impl FnMut() -> F) -> Result<Option<T>, Exit>
where
    F: Future<Output = Result<tonic::Response<T>, Status>>,
{
    match tokio::time::timeout(patience, retry(Backoff::SERVICE, random, call)).await {
        Ok(Ok(answer)) => Ok(Some(answer.into_inner())),
        Ok(Err(status)) => Err(fail_status(&status)),
        Err(_) => Ok(None),
    }
}

fn unanswered(who: &str, patience: Duration) -> Exit {
    eprintln!("error: no {who} answered in {} s", patience.as_secs());
    eprintln!(
        "  (hint: a majority of the aggregators has to run and reach each other; name the others \
         with --aggregator as well)"
    );
    Exit::ENVIRONMENT
}

fn table(list: &wire::ListMembersResponse) -> String {
    let width = list.members.iter().map(|member| member.address.len()).max().unwrap_or(0).max(7);
    let mut text = match list.stale {
        true => format!("as member {} knows it, which may be outdated:\n", list.by),
        false => String::new(),
    };
    text += &format!("{:>4}  {:width$}  {:8}  {:5}  BEHIND\n", "NODE", "ADDRESS", "ROLE", "ALIVE");
    for member in &list.members {
        let role = match (member.leads, member.votes) {
            (true, _) => "leader",
            (false, true) => "voter",
            (false, false) => "learner",
        };
        let alive = member.alive.map_or("?", |alive| if alive { "yes" } else { "no" });
        let behind = member.matched.map(|matched| list.commit.saturating_sub(matched));
        let behind = behind.map_or_else(|| "?".to_owned(), |behind| behind.to_string());
        text += &format!(
            "{:>4}  {:width$}  {role:8}  {alive:5}  {behind}\n",
            member.node, member.address
        );
    }
    text
}

fn to_json(list: &wire::ListMembersResponse) -> String {
    let members: Vec<_> = list
        .members
        .iter()
        .map(|member| {
            json!({
                "node": member.node,
                "address": member.address,
                "leads": member.leads,
                "votes": member.votes,
                "alive": member.alive,
                "matched": member.matched,
            })
        })
        .collect();
    let list = json!({
        "format": JSON_FORMAT,
        "stale": list.stale,
        "by": list.by,
        "term": list.term,
        "commit": list.commit,
        "members": members,
    });
    format!("{list:#}\n")
}
