//! OCI documents of a Spin application and the distribution protocol over any transport
