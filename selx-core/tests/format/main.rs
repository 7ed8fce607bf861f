//! The outputs: snapshots for the eye, grammars for the machines, hostile texts in every field of every format.

mod data;
mod file;
mod hostile;
mod human;
mod json;
mod nagios;
mod openmetrics;
mod secrets;
