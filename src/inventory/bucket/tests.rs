use std::collections::HashMap;

use rstest::rstest;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ALL: [Class; 3] = [Class::Asked, Class::Write, Class::Routine];

/// Lines in which that many wait, and what they wait with.
fn queue(waiting: [usize; 3]) -> (Queue, Vec<oneshot::Receiver<()>>) {
    let mut queue = Queue::default();
    let mut receivers = Vec::new();
    for (class, count) in ALL.into_iter().zip(waiting) {
        for _ in 0..count {
            let (sender, receiver) = oneshot::channel();
            queue.line(class).waiting.push_back(sender);
            receivers.push(receiver);
        }
    }
    (queue, receivers)
}

/// The order in which that many tokens are given out.
fn order(queue: &mut Queue, tokens: usize) -> Vec<Class> {
    let now = Instant::now();
    std::iter::from_fn(|| {
        let class = queue.next(now).ok()?;
        queue.serve(class, now, SECOND);
        Some(class)
    })
    .take(tokens)
    .collect()
}

fn bucket(burst: u32, per_second: f64) -> Bucket {
    Bucket::new(Rate { burst, per_second })
}

#[rstest]
#[case(40, 38)]
#[case(20, 19)]
#[case(10, 9)]
#[case(2, 1)]
#[case(1, 1)]
#[case(1_000, 950)]
fn a_full_bucket_gives_its_burst_but_for_what_is_kept_back(#[case] burst: u32, #[case] tokens: usize) {
    let bucket = bucket(burst, 0.01);
    let given = (0..2 * burst).filter(|_| bucket.try_take(Class::Routine)).count();
    assert_eq!(given, tokens);
}

#[tokio::test]
async fn after_the_burst_tokens_come_at_the_rate() {
    let bucket = Arc::new(bucket(2, 20.0));
    let began = Instant::now();
    for _ in 0..11 {
        bucket.take(Class::Routine).await;
    }
    let took = began.elapsed();
    // One of the burst, ten at 20 a second.
    assert!(took >= Duration::from_millis(490), "{took:?}");
}

#[test]
fn whatever_the_flags_allow_is_no_trouble() {
    for per_second in [0.01, 1_000_000.0] {
        assert!(bucket(1_000_000, per_second).try_take(Class::Asked));
        assert!(bucket(1, per_second).try_take(Class::Asked));
    }
}

#[test]
fn users_go_before_writes_and_writes_before_all_that_happens_by_itself() {
    let (mut queue, _receivers) = queue([2, 1, 1]);
    assert_eq!(order(&mut queue, 9), [Class::Asked, Class::Asked, Class::Write, Class::Routine]);
}

#[test]
fn nobody_starves_and_the_first_have_the_most() {
    let (mut queue, _receivers) = queue([300, 300, 300]);
    let order = order(&mut queue, 200);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for class in &order {
        *counts
            .entry(match class {
                Class::Asked => "asked",
                Class::Write => "write",
                Class::Routine => "routine",
            })
            .or_default() += 1;
    }
    assert!(counts["asked"] >= 100 && counts["write"] >= 35 && counts["routine"] >= 35, "{counts:?}");
    for class in [Class::Write, Class::Routine] {
        let longest = order.split(|served| *served == class).map(<[Class]>::len).max();
        assert!(longest <= Some(usize::from(PATIENCE) + 1), "{class:?} waits for {longest:?} others");
    }
}

#[test]
fn who_comes_after_a_long_rest_has_not_been_passed_over() {
    let (mut queue, mut receivers) = queue([10, 0, 0]);
    assert_eq!(order(&mut queue, 6), [Class::Asked; 6]);
    let (sender, receiver) = oneshot::channel();
    queue.routine.waiting.push_back(sender);
    receivers.push(receiver);
    assert_eq!(order(&mut queue, 9), [Class::Asked, Class::Asked, Class::Asked, Class::Asked, Class::Routine]);
}

#[test]
fn while_aws_fails_one_user_a_second_goes_through_and_nobody_else() {
    let (mut queue, _receivers) = queue([3, 1, 1]);
    let now = Instant::now();
    queue.paused_until = Some(now + SECOND * 10);
    assert_eq!(queue.next(now), Ok(Class::Asked));
    queue.serve(Class::Asked, now, SECOND);
    assert_eq!(queue.next(now), Err(now + SECOND));
    assert_eq!(queue.next(now + SECOND), Ok(Class::Asked));
    queue.serve(Class::Asked, now + SECOND, SECOND);
    assert_eq!(queue.next(now + SECOND), Err(now + SECOND * 2));
    // When the pause is over sooner than that, so is the wait.
    queue.paused_until = Some(now + SECOND + SECOND / 2);
    assert_eq!(queue.next(now + SECOND), Err(now + SECOND + SECOND / 2));
    assert_eq!(queue.next(now + SECOND * 2), Ok(Class::Asked));
    queue.serve(Class::Asked, now + SECOND * 2, SECOND);
    assert_eq!(queue.next(now + SECOND * 2), Ok(Class::Write));
}

#[test]
fn without_users_all_wait_until_the_pause_is_over() {
    let (mut queue, _receivers) = queue([0, 1, 1]);
    let now = Instant::now();
    queue.paused_until = Some(now + SECOND * 10);
    assert_eq!(queue.next(now), Err(now + SECOND * 10));
    assert_eq!(queue.next(now + SECOND * 10), Ok(Class::Write));
}

#[test]
fn a_user_who_finds_a_token_at_hand_is_a_probe_too() {
    let bucket = bucket(100, 0.01);
    bucket.failed(false, |_| SECOND * 60);
    assert!(!bucket.try_take(Class::Write) && !bucket.try_take(Class::Routine));
    assert!(bucket.try_take(Class::Asked));
    assert!(!bucket.try_take(Class::Asked), "one a second");
    bucket.succeeded();
    assert!(bucket.try_take(Class::Asked) && bucket.try_take(Class::Write) && bucket.try_take(Class::Routine));
}

#[test]
fn failures_under_way_together_count_once_and_each_probe_counts() {
    let bucket = bucket(100, 0.01);
    let tries = |bucket: &Bucket| bucket.lock().failures;
    for _ in 0..5 {
        bucket.failed(false, |_| SECOND * 60);
    }
    assert_eq!(tries(&bucket), 1);
    assert!(bucket.try_take(Class::Asked));
    for _ in 0..5 {
        bucket.failed(false, |_| SECOND * 60);
    }
    assert_eq!(tries(&bucket), 2);
    // The pause is over.
    bucket.lock().paused_until = Some(Instant::now());
    for _ in 0..5 {
        bucket.failed(false, |_| SECOND * 60);
    }
    assert_eq!(tries(&bucket), 3);
    bucket.succeeded();
    bucket.failed(false, |tries| {
        assert_eq!(tries, 1, "it begins anew");
        SECOND
    });
}

#[test]
fn who_is_throttled_has_no_tokens_left() {
    let bucket = bucket(100, 0.01);
    bucket.failed(false, |_| Duration::ZERO);
    assert!(bucket.try_take(Class::Routine));
    bucket.failed(true, |_| Duration::ZERO);
    assert!(!bucket.try_take(Class::Routine));
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_no_hole() {
    let bucket = Arc::new(bucket(1, 10.0));
    bucket.take(Class::Routine).await;
    let mut waiting: Vec<_> = (0..20).map(|_| Box::pin(bucket.take(Class::Asked))).collect();
    for waiting in &mut waiting {
        assert!(futures::poll!(waiting.as_mut()).is_pending());
    }
    drop(waiting);
    let began = Instant::now();
    bucket.take(Class::Asked).await;
    assert!(began.elapsed() < SECOND, "two tokens of a tenth of a second: {:?}", began.elapsed());
    // And the one who gives out tokens rests when nobody is left.
    let mut waiting = Box::pin(bucket.take(Class::Asked));
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    drop(waiting);
    let rests = async {
        while bucket.lock().dispatching {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SECOND * 20, rests).await.unwrap();
}

#[tokio::test]
async fn a_good_answer_opens_for_all_that_wait() {
    let bucket = Arc::new(bucket(100, 100.0));
    bucket.failed(false, |_| SECOND * 600);
    let mut waiting: Vec<_> =
        [Class::Write, Class::Routine, Class::Routine].map(|class| Box::pin(bucket.take(class))).into_iter().collect();
    for waiting in &mut waiting {
        assert!(futures::poll!(waiting.as_mut()).is_pending());
    }
    bucket.take(Class::Asked).await;
    bucket.succeeded();
    tokio::time::timeout(SECOND * 20, futures::future::join_all(waiting)).await.unwrap();
}

#[test]
fn where_aws_throttles_requests_are_drawn_out_the_more_the_more_often_and_less_again_after_good_answers() {
    let bucket = bucket(1_000, 10.0);
    let gap = |bucket: &Bucket| {
        let mut queue = bucket.lock();
        let now = Instant::now();
        queue.sent(Class::Asked, now, bucket.period);
        queue.paced.map(|at| (at - now).as_millis())
    };
    assert_eq!(gap(&bucket), None);
    bucket.failed(false, |_| Duration::ZERO);
    assert_eq!(gap(&bucket), None, "that was no throttling");
    let mut gaps = Vec::new();
    for _ in 0..5 {
        bucket.failed(true, |_| Duration::ZERO);
        gaps.push(gap(&bucket).unwrap());
        bucket.failed(true, |_| Duration::ZERO);
        assert_eq!(gap(&bucket), gaps.last().copied(), "nothing got through in between");
        bucket.succeeded();
    }
    assert_eq!(gaps, [100, 200, 400, 800, 800]);
    for wanted in [Some(400), Some(200), Some(100), None] {
        for _ in 0..GOOD {
            bucket.succeeded();
        }
        assert_eq!(gap(&bucket), wanted);
    }
}

#[tokio::test]
async fn after_a_throttle_no_burst_follows() {
    let bucket = Arc::new(bucket(100, 50.0));
    bucket.failed(true, |_| Duration::from_millis(500));
    bucket.take(Class::Routine).await;
    // What came in meanwhile is 25 tokens.
    let began = Instant::now();
    for _ in 0..10 {
        bucket.take(Class::Routine).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(190), "{:?}", began.elapsed());
}
