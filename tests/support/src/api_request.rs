//! A request to the API server, in the words of its rules.

use hyper::{Method, Uri};

/// What was asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// As in a rule of RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verb: &'static str,
    /// As in a rule of RBAC, such as `cloudhsmbackups/status`; the path where it isn't about a resource.
    pub resource: String,
    /// Path and query.
    pub uri: String,
}

impl ApiRequest {
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        let path: Vec<&str> = uri.path().split('/').skip(1).collect();
        let of_version = match path.as_slice() {
            ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
            _ => &[],
        };
        let (resource, name, part) = match of_version {
            ["namespaces", _, resource, rest @ ..] | [resource, rest @ ..] => (*resource, rest.first(), rest.get(1)),
            [] => (uri.path(), None, None),
        };
        let query = uri.query().unwrap_or_default();
        let verb = match method.as_str() {
            "GET" if query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1") => "watch",
            "GET" if name.is_none() && !of_version.is_empty() => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "get",
        };
        let resource = part.map_or_else(|| resource.to_owned(), |part| format!("{resource}/{part}"));
        Self { verb, resource, uri: uri.to_string() }
    }

    /// A parameter of the query, as it was sent.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.uri.split_once('?')?;
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Whether it begins a watch.
    #[must_use]
    pub fn is_watch(&self) -> bool {
        self.verb == "watch"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_in_the_words_of_a_rule() {
        let group = "/apis/cloudhsm.dev/v1alpha1";
        for (method, uri, verb, resource) in [
            (Method::GET, format!("{group}/namespaces/hsm/cloudhsmbackups?limit=500"), "list", "cloudhsmbackups"),
            (Method::GET, format!("{group}/cloudhsmbackups?&watch=true&timeoutSeconds=30"), "watch", "cloudhsmbackups"),
            (Method::GET, format!("{group}/namespaces/hsm/cloudhsmbackups/payments"), "get", "cloudhsmbackups"),
            (
                Method::PATCH,
                format!("{group}/namespaces/hsm/cloudhsmbackups/p/status?"),
                "patch",
                "cloudhsmbackups/status",
            ),
            (Method::POST, "/apis/events.k8s.io/v1/namespaces/hsm/events".to_owned(), "create", "events"),
            (Method::PUT, "/apis/coordination.k8s.io/v1/namespaces/hsm/leases/l".to_owned(), "update", "leases"),
            (Method::GET, "/api/v1/namespaces/hsm".to_owned(), "get", "namespaces"),
            (Method::GET, "/version".to_owned(), "get", "/version"),
        ] {
            let request = ApiRequest::of(&method, &uri.parse().unwrap());
            assert_eq!((request.verb, request.resource.as_str()), (verb, resource), "{uri}");
        }
        let watch = ApiRequest::of(&Method::GET, &"/apis/a/b/c?watch=true&resourceVersion=7".parse().unwrap());
        assert_eq!((watch.parameter("resourceVersion"), watch.parameter("limit")), (Some("7"), None));
    }
}
