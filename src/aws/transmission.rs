//! Watches one request on its way: whether it got as far as being sent, and that nothing is sent after a deadline.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use aws_types::region::Region;
use http_body::{Body, Frame, SizeHint};

/// The way of one request.
#[derive(Clone, Debug)]
pub(super) struct Transmission(Arc<Way>);

#[derive(Debug)]
struct Way {
    deadline: Option<Instant>,
    reached: AtomicBool,
    expired: AtomicBool,
    region: OnceLock<Region>,
}

#[derive(Debug, thiserror::Error)]
#[error("the permit ran out before the request was sent")]
struct Expired;

impl Transmission {
    /// Without a deadline.
    pub(super) fn any_time() -> Self {
        Self::new(None)
    }

    /// Nothing is sent after the deadline.
    pub(super) fn until(deadline: Instant) -> Self {
        Self::new(Some(deadline))
    }

    fn new(deadline: Option<Instant>) -> Self {
        let (reached, expired) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Way { deadline, reached, expired, region: OnceLock::new() }))
    }

    /// Whether the request was handed over to be sent. Before that come the endpoint, the credentials and the signature.
    pub(super) fn reached(&self) -> bool {
        self.0.reached.load(Ordering::SeqCst)
    }

    /// Whether the request was withheld because its time was over.
    pub(super) fn expired(&self) -> bool {
        self.0.expired.load(Ordering::SeqCst)
    }

    /// The region that the request is for, once the SDK has begun with it.
    pub(super) fn region(&self) -> Option<&str> {
        self.0.region.get().map(AsRef::as_ref)
    }

    fn check(&self) -> Result<(), Expired> {
        if self.0.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            self.0.expired.store(true, Ordering::SeqCst);
            return Err(Expired);
        }
        Ok(())
    }
}

#[dyn_dispatch_hint]
impl Intercept for Transmission {
    fn name(&self) -> &'static str {
        "Transmission"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(region) = config.load::<Region>() {
            let _ = self.0.region.set(region.clone());
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.check()?;
        if self.0.deadline.is_some() {
            // Connecting may take seconds. The body is asked for once the connection stands, and without it the request is none.
            let body = std::mem::replace(context.request_mut().body_mut(), SdkBody::taken());
            let way = self.clone();
            *context.request_mut().body_mut() = body.map_preserve_contents(move |body| {
                SdkBody::from_body_1_x(Timed { body, way: way.clone(), begun: false })
            });
        }
        self.0.reached.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// A body that can't be had after the deadline.
struct Timed {
    body: SdkBody,
    way: Transmission,
    begun: bool,
}

impl Body for Timed {
    type Data = <SdkBody as Body>::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !self.begun {
            if let Err(expired) = self.way.check() {
                return Poll::Ready(Some(Err(expired.into())));
            }
            self.begun = true;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.body)
    }
}
