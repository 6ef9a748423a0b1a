//! The results of a Map Run: the state's own result, or files in S3 that it names.
//!
//! Children's rows are read in the order of their numbers, a few at a time, and written one after the other into files that
//! are spooled: however many there are, they are never all in memory.

use std::io;
use std::sync::Arc;

use api::Spool;
use asl::map_run::results::{self, ChildResult, Documents, ResultFile};
use asl::map_run::{MapRunSpec, ResultWriter, writer_failure};
use asl::{Failure, StateMachine};
use serde_json::Value;
use store::Store;
use types::Timestamp;

use super::bucket::Bucket;
use super::children::Names;
use super::open_run::Children;
use super::record::ChildRecord;
use super::supply::{NoChild, Supply};
use crate::Error;
use crate::limits::PAYLOAD_BYTES;
