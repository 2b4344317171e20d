//! `EdgeRealtimeVideoAnalytics` on Redis: a stream of JPEGs, a stream of people's boxes that
//! refers to it, and time series for dashboards.
//!
//! ```text
//! camera:0               {count, image}           the entry's id is the picture's time
//! camera:0:yolo          {ref, boxes, people}     ref is the id of the picture
//! camera:0:people …      time series              where the server has RedisTimeSeries
//! camera:0:initialized   the series are there
//! ```

mod adaptive;
mod figures;
mod ids;
mod reader;
mod series;
mod writer;

pub use reader::Reader;
pub use writer::{Settings, Writer};
