//! The network stack of Penstock: no Ruby in it.
#![forbid(unsafe_code)]
