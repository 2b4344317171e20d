//! What stands in the log, and how it is written: `proto/omma/v1/node.proto`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use omma_bus::proto;
use omma_types::{CameraId, ErrorKind, WallTime};
use prost::Message as _;

use crate::config::Role;

/// Holds in one record, at most: more cameras than any process serves.
const MAX_HOLDS: usize = 20_000;

/// A running process: its name and a number that no other run of it has. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    name: Arc<str>,
    run: u64,
}

impl NodeId {
    /// The process called `name` that drew the random number `run` at its start.
    pub fn new(name: &str, run: u64) -> Self {
        Self { name: name.into(), run }
    }

    /// The process's name, the same after a restart.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of this run.
    pub const fn run(&self) -> u64 {
        self.run
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:016x}", self.name, self.run)
    }
}

/// A place in the log: the two numbers of a Redis stream id, or zero and a Kafka offset.
/// Later records have greater ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64, pub u64);

/// A part of a camera's work that has one owner at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Reading the camera.
    Ingest,
    /// Tracking and counting.
    Analyze,
}

impl Duty {
    /// All duties; reading comes first, since analysis goes where the pictures are.
    pub const ALL: [Self; 2] = [Self::Ingest, Self::Analyze];

    /// The role that a process needs for it.
    pub const fn role(self) -> Role {
        match self {
            Self::Ingest => Role::Ingest,
            Self::Analyze => Role::Analyze,
        }
    }
}

/// A record, and where and when the broker put it into the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place.
    pub position: Position,
    /// When it got there, by the broker's clock.
    pub at: WallTime,
    /// Who wrote it.
    pub node: NodeId,
    /// What it says.
    pub entry: Entry,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The process lives.
    Alive(Alive),
    /// It wants to do this.
    Claim {
        /// The camera.
        camera: CameraId,
        /// Which part of its work.
        duty: Duty,
    },
    /// It does this no more.
    Release {
        /// What it held.
        hold: Hold,
    },
    /// It ends, and does nothing more.
    Leave,
}

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alive {
    /// Counts the process's signs of life.
    pub beat: u64,
    /// What the process takes on.
    pub roles: BTreeSet<Role>,
    /// Cameras that it takes for each duty, at most; 0: any number.
    pub capacity: u32,
    /// How busy it is: 1 is all of its processors.
    pub load: f32,
    /// How far its analysis is behind: the oldest of the pictures that it analysed last, one of
    /// each camera.
    pub lag: Duration,
    /// The newest record that it had read, and that one's time; none where it had read none.
    pub seen: Option<(Position, WallTime)>,
    /// All that it holds as of that record.
    pub held: Vec<Hold>,
}

/// A camera's duty in the hands of one process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    /// The camera.
    pub camera: CameraId,
    /// Which part of its work.
    pub duty: Duty,
    /// The place of the claim: later owners have greater ones.
    pub fence: Position,
}

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the nodes' log can't be read: {reason}")]
pub struct RecordError {
    reason: String,
}

impl RecordError {
    /// What kind of failure it is.
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }

    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl Entry {
    /// This entry by `node` as bytes.
    pub fn encode(&self, node: &NodeId) -> Vec<u8> {
        use proto::node_record::Entry as Form;
        let entry = match self {
            Self::Alive(alive) => Form::Alive(alive_form(alive)),
            Self::Claim { camera, duty } => Form::Claim(proto::Claim {
                camera: camera.to_string(),
                duty: duty_form(*duty).into(),
            }),
            Self::Release { hold } => Form::Release(proto::Release { hold: Some(hold_form(hold)) }),
            Self::Leave => Form::Leave(proto::Leave {}),
        };
        let record =
            proto::NodeRecord { node: node.name().to_owned(), run: node.run(), entry: Some(entry) };
        record.encode_to_vec()
    }

    /// Whose entry these bytes are, and what it says.
    ///
    /// # Errors
    /// They are no record, or one with names that can't be.
    pub fn decode(bytes: &[u8]) -> Result<(NodeId, Self), RecordError> {
        use proto::node_record::Entry as Form;
        let record = proto::NodeRecord::decode(bytes)
            .map_err(|error| RecordError::new(error.to_string()))?;
        let length = record.node.chars().count();
        if !(1..=255).contains(&length) {
            return Err(RecordError::new(format!("the node's name has {length} characters")));
        }
        let entry = match record.entry {
            Some(Form::Alive(form)) => Self::Alive(alive_of(&form)?),
            Some(Form::Claim(form)) => {
                Self::Claim { camera: camera_of(&form.camera)?, duty: duty_of(form.duty)? }
            }
            Some(Form::Release(form)) => {
                let hold = form.hold.ok_or_else(|| RecordError::new("it releases nothing"))?;
                Self::Release { hold: hold_of(&hold)? }
            }
            Some(Form::Leave(_)) => Self::Leave,
            None => return Err(RecordError::new("it says nothing that this version knows")),
        };
        Ok((NodeId::new(&record.node, record.run), entry))
    }
}

fn alive_form(alive: &Alive) -> proto::Alive {
    let role = |role: &Role| match role {
        Role::Ingest => proto::NodeRole::Ingest.into(),
        Role::Detect => proto::NodeRole::Detect.into(),
        Role::Analyze => proto::NodeRole::Analyze.into(),
        Role::Serve => proto::NodeRole::Serve.into(),
    };
    proto::Alive {
        beat: alive.beat,
        roles: alive.roles.iter().map(role).collect(),
        capacity: alive.capacity,
        load: alive.load,
        lag_ms: u32::try_from(alive.lag.as_millis()).unwrap_or(u32::MAX),
        seen: alive.seen.map(|(position, _)| position_form(position)),
        seen_at_us: alive.seen.map_or(0, |(_, at)| at.as_micros()),
        held: alive.held.iter().map(hold_form).collect(),
    }
}

fn alive_of(form: &proto::Alive) -> Result<Alive, RecordError> {
    if form.held.len() > MAX_HOLDS {
        return Err(RecordError::new(format!("it names {} cameras", form.held.len())));
    }
    // Roles of a later version are not for this one to give work to.
    let roles = form.roles().filter_map(|role| match role {
        proto::NodeRole::Ingest => Some(Role::Ingest),
        proto::NodeRole::Detect => Some(Role::Detect),
        proto::NodeRole::Analyze => Some(Role::Analyze),
        proto::NodeRole::Serve => Some(Role::Serve),
        proto::NodeRole::Unspecified => None,
    });
    let seen = form.seen.as_ref().map(position_of);
    Ok(Alive {
        beat: form.beat,
        roles: roles.collect(),
        capacity: form.capacity,
        load: if form.load.is_finite() { form.load.max(0.0) } else { 0.0 },
        lag: Duration::from_millis(form.lag_ms.into()),
        seen: seen.map(|position| (position, WallTime::from_micros(form.seen_at_us))),
        held: form.held.iter().map(hold_of).collect::<Result<_, _>>()?,
    })
}

fn hold_form(hold: &Hold) -> proto::Hold {
    proto::Hold {
        camera: hold.camera.to_string(),
        duty: duty_form(hold.duty).into(),
        fence: Some(position_form(hold.fence)),
    }
}

fn hold_of(form: &proto::Hold) -> Result<Hold, RecordError> {
    let fence = form.fence.as_ref().ok_or_else(|| RecordError::new("a hold has no fence"))?;
    Ok(Hold {
        camera: camera_of(&form.camera)?,
        duty: duty_of(form.duty)?,
        fence: position_of(fence),
    })
}

pub(super) const fn position_form(position: Position) -> proto::LogPosition {
    proto::LogPosition { major: position.0, minor: position.1 }
}

pub(super) const fn position_of(form: &proto::LogPosition) -> Position {
    Position(form.major, form.minor)
}

fn camera_of(name: &str) -> Result<CameraId, RecordError> {
    CameraId::new(name).map_err(|error| RecordError::new(error.to_string()))
}

pub(super) const fn duty_form(duty: Duty) -> proto::Duty {
    match duty {
        Duty::Ingest => proto::Duty::Ingest,
        Duty::Analyze => proto::Duty::Analyze,
    }
}

pub(super) fn duty_of(form: i32) -> Result<Duty, RecordError> {
    match proto::Duty::try_from(form) {
        Ok(proto::Duty::Ingest) => Ok(Duty::Ingest),
        Ok(proto::Duty::Analyze) => Ok(Duty::Analyze),
        _ => Err(RecordError::new(format!("duty {form} is not one that this version knows"))),
    }
}
