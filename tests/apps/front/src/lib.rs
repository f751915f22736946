//! `GET /<what>?<argument>` has the dependency try something.

wit_bindgen::generate!({ path: "../wit", world: "front" });

use example::greeting::words;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Front;

impl wasip2::exports::http::incoming_handler::Guest for Front {
    fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (what, argument) = path.split_once('?').unwrap_or((&path, ""));
        let said = words::attempt(what.trim_start_matches('/'), argument);

        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("not taken yet");
        ResponseOutparam::set(response_out, Ok(response));
        let stream = body.write().expect("not taken yet");
        for part in said.as_bytes().chunks(4096) {
            stream
                .blocking_write_and_flush(part)
                .expect("somebody reads");
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("nothing promised");
    }
}

wasip2::http::proxy::export!(Front);
