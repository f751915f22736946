//! First-party plugins, installed plugins and compiled code on disk
