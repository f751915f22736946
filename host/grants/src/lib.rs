//! What a user lets a plugin do: rules, matching and containment, without I/O
