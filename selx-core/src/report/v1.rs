//! The first frozen form of a report.
