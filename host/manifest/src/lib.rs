//! What a plugin asks for: its manifest, options and rules as pure types without I/O
