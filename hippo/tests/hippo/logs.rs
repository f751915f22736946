//! What the app wrote.

use spin_deployer_hippo::Error;

use crate::runner::run;
use crate::server::{Api, Server, shop};

#[test]
fn the_last_lines_come_oldest_first() {
    for api in [Api::Plural, Api::Paged, Api::Whole] {
        let server = Server::new(api);
        let hippo = server.user();
        run(hippo.release(&shop("1.0.0"), |_| {})).unwrap();
        assert_eq!(
            run(hippo.logs("shop", "spin-deploy", 2)).unwrap(),
            ["two", "three"]
        );
        assert_eq!(run(hippo.logs("shop", "spin-deploy", 9)).unwrap().len(), 3);
        let error = run(hippo.logs("shop", "other", 9)).unwrap_err();
        assert!(matches!(error, Error::NoChannel { .. }));
    }
}
