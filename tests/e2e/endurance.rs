//! What goes wrong between the operator and the API server is over within the time that docs/adr/0005-enduring-the-api-server.md states.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{ApiProxy, ApiRequest, DEADLINE, Fault, Operator, consistently, eventually};

use crate::{
    probes::SLOW,
    world::{World, id, ready},
};

const OBJECTS: &str = "cloudhsmbackups";
/// How long a watch lasts.
const WATCH: u64 = 30;
/// What the document states, each with 10 s more for a busy machine.
const EXPIRED: Duration = Duration::from_secs(5 + 10);
const SILENT_WATCH: Duration = Duration::from_secs(35 + 10);
const HALF_OPEN: Duration = Duration::from_secs(55 + 10);
const UNANSWERED: Duration = Duration::from_secs(20 + 10);
const GONE: Duration = Duration::from_secs(5 + 10);
const UNWRITTEN: Duration = Duration::from_secs(20 + 10);

/// An operator behind a proxy, with a few settled objects.
struct Scene {
    world: World,
    proxy: ApiProxy,
    operator: Operator,
}

impl Scene {
    const SETTLED: usize = 5;

    async fn new(name: &str) -> Self {
        let world = World::new(name).await;
        let proxy = ApiProxy::start(world.control_plane).await;
        let operator = ready(world.operator_behind(&proxy).start()).await;
        for n in 0..Self::SETTLED {
            world.backup(&id(n), "READY", json!({}));
            world.declare(&object(n), &id(n), "Present", json!({})).await;
        }
        for n in 0..Self::SETTLED {
            world.reason(&object(n), "Available").await;
        }
        Self { world, proxy, operator }
    }

    /// Has every backup deleted, whatever may be in the way.
    async fn edit(&self) -> Instant {
        for n in 0..Self::SETTLED {
            self.world.edit(&object(n), json!({"desiredState": "Deleted"})).await;
        }
        Instant::now()
    }

    /// Waits until what was edited is done, and checks that it was in time, once each, and by the process that was started.
    async fn converges(&self, since: Instant, bound: Duration) {
        for n in 0..Self::SETTLED {
            let left = bound.saturating_sub(since.elapsed()).max(Duration::from_secs(1));
            self.world.reason_within(&object(n), "PendingDeletion", left).await;
        }
        self.world.more_looks(2).await;
        let mut writes = self.world.writes();
        writes.sort();
        let once: Vec<_> = (0..Self::SETTLED).map(|n| ("DeleteBackup".to_owned(), id(n))).collect();
        assert_eq!(writes, once);
        assert_eq!(self.operator.try_exit(), None);
    }

    fn lists(&self) -> usize {
        self.proxy.count("list", OBJECTS)
    }

    /// Waits until the proxy was asked so many times more than `before`.
    async fn asked(&self, verb: &str, before: usize, more: usize, deadline: Duration) {
        asked(&self.proxy, verb, before + more, deadline).await;
    }
}

async fn asked(proxy: &ApiProxy, verb: &str, wanted: usize, deadline: Duration) {
    eventually(&format!("{wanted} times {verb}"), deadline, async || {
        let count = proxy.count(verb, OBJECTS);
        if count >= wanted { Ok(()) } else { Err(format!("{count} times")) }
    })
    .await;
}

fn object(n: usize) -> String {
    format!("object-{n}")
}

#[tokio::test]
async fn a_watch_that_begins_with_410_is_begun_from_the_list() {
    expired("expired-status", Fault::Status(410)).await;
}

#[tokio::test]
async fn a_watch_that_says_410_is_begun_from_the_list() {
    expired("expired-event", Fault::ErrorEvent(410)).await;
}

async fn expired(name: &str, fault: Fault) {
    let scene = Scene::new(name).await;
    let (lists, watches) = (scene.lists(), scene.proxy.count("watch", OBJECTS));
    scene.proxy.set(fault, ApiRequest::is_watch);
    scene.proxy.break_connections();
    scene.asked("watch", watches, 1, DEADLINE).await;
    // The list shows what changed even while no watch begins.
    let edited = scene.edit().await;
    scene.converges(edited, EXPIRED).await;

    // It doesn't list as fast as it can.
    let (before, since) = (scene.lists(), Instant::now());
    scene.asked("list", before, 3, DEADLINE).await;
    assert!(since.elapsed() > Duration::from_secs(4), "{:?}", since.elapsed());
    scene.proxy.heal();
    scene.world.edit(&object(0), json!({"desiredState": "Present"})).await;
    scene.world.reason_within(&object(0), "Available", EXPIRED).await;
    let relisted = scene.lists();
    assert!(relisted > lists);
    consistently("nothing more is listed", Duration::from_secs(7), async || {
        if scene.lists() == relisted { Ok(()) } else { Err(format!("{} lists", scene.lists())) }
    })
    .await;
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_not_begun_again_as_fast_as_it_can() {
    let scene = Scene::new("ended").await;
    let lists = scene.lists();
    scene.proxy.set(Fault::Ended, ApiRequest::is_watch);
    scene.proxy.break_connections();
    let edited = scene.edit().await;
    let (watches, since) = (scene.proxy.count("watch", OBJECTS), Instant::now());
    scene.asked("watch", watches, 6, DEADLINE).await;
    assert!(since.elapsed() > Duration::from_secs(4), "{:?}", since.elapsed());
    scene.proxy.heal();
    scene.converges(edited, since.elapsed() + EXPIRED).await;
    assert_eq!(scene.lists(), lists);
}

#[tokio::test]
async fn a_watch_that_falls_silent_is_given_up_and_begun_where_it_was() {
    let scene = Scene::new("silent-watch").await;
    let (lists, watches) = (scene.lists(), scene.proxy.count("watch", OBJECTS));
    scene.proxy.set(Fault::Mute, ApiRequest::is_watch);
    let edited = scene.edit().await;
    assert_eq!(scene.proxy.count("watch", OBJECTS), watches, "it was renewed too early to be silenced with the edit");
    scene.proxy.heal();
    scene.converges(edited, SILENT_WATCH).await;
    assert_eq!((scene.lists(), scene.proxy.count("watch", OBJECTS)), (lists, watches + 1));
}

#[tokio::test]
async fn connections_that_died_unnoticed_are_left_for_new_ones() {
    let scene = Scene::new("half-open").await;
    let lists = scene.lists();
    scene.proxy.freeze_connections();
    let edited = scene.edit().await;
    scene.converges(edited, HALF_OPEN).await;
    assert_eq!(scene.lists(), lists);
}

#[tokio::test]
async fn an_api_server_that_takes_requests_and_does_not_answer_is_asked_again() {
    let scene = Scene::new("unanswered").await;
    let watches = scene.proxy.count("watch", OBJECTS);
    scene.proxy.set(Fault::Silent, |_| true);
    scene.edit().await;
    // One that isn't answered follows one that fell silent, and a second one that.
    scene.asked("watch", watches, 2, SILENT_WATCH + UNANSWERED).await;
    assert_eq!(scene.world.writes(), []);
    scene.proxy.heal();
    scene.converges(Instant::now(), UNANSWERED).await;
}

#[tokio::test]
async fn a_list_that_is_not_answered_is_asked_for_again() {
    let world = World::new("unanswered-list").await;
    let proxy = ApiProxy::start(world.control_plane).await;
    proxy.set(Fault::Silent, |request| request.verb == "list");
    world.backup(&id(0), "READY", json!({}));
    world.declare("payments", &id(0), "Present", json!({})).await;
    let operator = world.operator_behind(&proxy).start();
    asked(&proxy, "list", 2, DEADLINE).await;
    assert_eq!(operator.http_get("/readyz").await.unwrap().0, 503);
    proxy.heal();
    world.reason_within("payments", "Available", UNANSWERED).await;
    ready(operator).await;
}

#[tokio::test]
async fn an_api_server_that_refuses_connections_is_found_again() {
    let scene = Scene::new("refused").await;
    scene.proxy.refuse();
    scene.edit().await;
    // Long enough for the longest wait between two tries.
    scene.world.more_looks(8).await;
    assert_eq!(scene.world.writes(), []);
    scene.proxy.heal();
    scene.converges(Instant::now(), GONE).await;
}

#[tokio::test]
async fn a_status_that_was_refused_for_long_is_written_soon_after_it_is_taken_again() {
    let world = World::new("unwritten").await;
    let proxy = ApiProxy::start(world.control_plane).await;
    let _operator = ready(world.operator_behind(&proxy).env(SLOW.0, SLOW.1).start()).await;
    proxy.set(Fault::Status(500), |request| request.verb == "patch");
    world.backup(&id(0), "READY", json!({}));
    world.declare("payments", &id(0), "Present", json!({})).await;
    let status = format!("{OBJECTS}/status");
    // Had it been doubled each time, the wait would be over a minute by now.
    eventually("it is refused again and again", 3 * DEADLINE, async || match proxy.count("patch", &status) {
        10.. => Ok(()),
        count => Err(format!("{count} times")),
    })
    .await;
    let refused = proxy.count("patch", &status);
    proxy.heal();
    world.reason_within("payments", "Available", UNWRITTEN).await;
    // One more may have been refused meanwhile.
    assert!((1..=2).contains(&(proxy.count("patch", &status) - refused)));
}

#[tokio::test]
async fn an_idle_watch_is_renewed_without_a_list_or_any_other_request() {
    let scene = Scene::new("renewed").await;
    let all = |proxy: &ApiProxy| proxy.requests().into_iter().filter(|request| !request.is_watch()).count();
    let others = all(&scene.proxy);
    let watches = scene.proxy.count("watch", OBJECTS);
    let since = Instant::now();
    scene.asked("watch", watches, 3, Duration::from_secs(4 * WATCH)).await;
    assert!(since.elapsed() > Duration::from_secs(2 * WATCH - 5), "{:?}", since.elapsed());
    assert_eq!(all(&scene.proxy), others);

    let requests = scene.proxy.requests();
    let watches: Vec<&ApiRequest> = requests.iter().filter(|request| request.is_watch()).collect();
    let versions = watches.iter().map(|watch| watch.parameter("resourceVersion").unwrap().parse::<u64>().unwrap());
    let versions: Vec<u64> = versions.collect();
    assert!(versions.is_sorted() && versions[0] > 0, "{versions:?}");
    assert!(watches.iter().all(|watch| watch.parameter("timeoutSeconds") == Some(&WATCH.to_string())), "{watches:?}");
    let edited = scene.edit().await;
    scene.converges(edited, DEADLINE).await;
}

/// In seconds, to try longer ones by hand.
const OUTAGE: &str = "ENDURANCE_OUTAGE_SECONDS";

#[tokio::test]
async fn an_api_server_that_was_gone_for_long_is_served_again_at_once_with_what_waited() {
    let outage = std::env::var(OUTAGE).map_or(20, |seconds| seconds.parse::<u64>().unwrap());
    let (_alone, world) = World::alone("long-outage").await;
    let proxy = ApiProxy::start(world.control_plane).await;
    let operator = world.operator_behind(&proxy).env("CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL", "1s");
    let operator = ready(operator.start()).await;
    for n in 0..3 {
        world.backup(&id(n), "READY", json!({}));
        world.declare(&object(n), &id(n), "Present", json!({})).await;
        world.reason(&object(n), "Available").await;
    }
    world.control_plane.stop_apiserver().await;
    let stopped = Instant::now();
    // To restore it the object has to be read, and to show this a state that waits to be written.
    world.outside(
        &id(0),
        json!({"BackupState": "PENDING_DELETION", "DeleteTimestamp": world.emulator.now() + 604_800.0}),
    );
    world.outside(&id(1), json!({"BackupState": "CREATE_IN_PROGRESS"}));
    eventually("the outage is over", Duration::from_secs(outage) + DEADLINE, async || {
        if stopped.elapsed() > Duration::from_secs(outage) { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    assert_eq!(world.writes(), []);
    world.control_plane.start_apiserver().await;
    let back = Instant::now();
    world.edit(&object(2), json!({"desiredState": "Deleted"})).await;
    world.reason_within(&object(2), "PendingDeletion", GONE).await;
    world.reason_within(&object(0), "Available", UNWRITTEN).await;
    world.reason_within(&object(1), "Creating", UNWRITTEN).await;
    assert!(back.elapsed() < UNWRITTEN, "{:?}", back.elapsed());
    world.more_looks(2).await;
    let mut writes = world.writes();
    writes.sort();
    assert_eq!(writes, [("DeleteBackup".to_owned(), id(2)), ("RestoreBackup".to_owned(), id(0))]);
    assert_eq!(operator.try_exit(), None);
    assert_eq!(operator.http_get("/readyz").await.unwrap().0, 200);
}
