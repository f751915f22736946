//! The program where something is missing, breaks off or happens twice: every command, above all those about plugins. What
//! was there before stays whole, what was begun can be done again, and nobody is told too little.

mod at_once;
mod closed;
mod container;
mod disk;
mod hardened;
mod killed;
mod places;
mod table;
mod unconnected;
mod world;
