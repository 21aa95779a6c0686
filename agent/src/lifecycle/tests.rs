//! The life of an environment, told event by event.

mod arbitrary;
mod endings;
mod events;
mod init;
mod life;
mod responses;

use std::time::{Duration, Instant};

use bytes::Bytes;
use lambdock_protocol::{Initialized, Invoke, Mode, ResponseEnd, ResponseStart, Status};

use super::{
    Asks, BodyEnd, CallId, Effect, ErrorBody, Event, Finish, InitEnd, Machine, Point, Reload, Reply,
    ResponseHead, ResponseMode, Settings,
};
use crate::report::{Ended, Failure};
use crate::telemetry::schema::Phase as InitPhase;
use life::*;
