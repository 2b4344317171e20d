//! What every kind of topics must do, on this process's memory, a real Redis and a real Kafka.

#![allow(clippy::print_stdout, reason = "figures are for people")]

mod broken;
mod place;
mod suite;

use omma_bus::topic::TopicOptions;
use place::Place;

/// One server for all that does not break it: virtual machines start slowly.
async fn all(place: &Place) {
    suite::order_of_each_key_is_kept(place).await;
    suite::reading_begins_where_it_is_told(place).await;
    suite::a_message_too_large_is_refused_and_counted(place).await;
    suite::a_slow_reader_gets_everything_that_is_kept(place).await;
    suite::what_was_cleared_away_is_said(place).await;
    suite::a_group_shares_and_takes_over(place).await;
    suite::offered_messages_arrive_or_are_counted(place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    all(&Place::memory().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_the_contract() {
    let Some(place) = Place::redis() else { return };
    all(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_the_contract() {
    let Some(mut place) = Place::kafka() else { return };
    all(&place).await;
    broken::killed_brokers_lose_no_event(&mut place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_is_killed_loses_no_event() {
    let Some(mut place) = Place::redis() else { return };
    broken::killed_brokers_lose_no_event(&mut place).await;
    broken::offered_messages_are_counted_while_it_is_away(&mut place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_says_why_it_refuses() {
    broken::redis_refuses(&TopicOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_says_why_it_refuses() {
    broken::kafka_refuses(&TopicOptions::default()).await;
}
