//! Waits until a release answers.
