//! The callback reasons the engine raises. The numbers are the C API's (`enum lws_callback_reasons`).

/// Why user code is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "each is documented with the C enum it equals")]
pub enum Reason {
    ClientConnectionError = 1,
    ClientFilterPreEstablish = 2,
    ClosedHttp = 5,
    Http = 12,
    HttpBody = 13,
    HttpBodyCompletion = 14,
    HttpFileCompletion = 15,
    HttpWriteable = 16,
    FilterNetworkConnection = 17,
    FilterHttpConnection = 18,
    ServerNewClientInstantiated = 19,
    ClientAppendHandshakeHeader = 24,
    ProtocolInit = 27,
    ProtocolDestroy = 28,
    WsiCreate = 29,
    WsiDestroy = 30,
    GetThreadId = 31,
    AddPollFd = 32,
    DelPollFd = 33,
    ChangeModePollFd = 34,
    LockPoll = 35,
    UnlockPoll = 36,
    EstablishedClientHttp = 44,
    ClosedClientHttp = 45,
    ReceiveClientHttp = 46,
    CompletedClientHttp = 47,
    ReceiveClientHttpRead = 48,
    HttpBindProtocol = 49,
    HttpDropProtocol = 50,
    CheckAccessRights = 51,
    AddHeaders = 53,
    ClientHttpWriteable = 57,
    OpensslPerformServerCertVerification = 58,
    ChildClosing = 69,
    EventWaitCancelled = 71,
    Timer = 73,
    ClientHttpDropProtocol = 76,
    ClientHttpBindProtocol = 85,
    ClientHttpRedirect = 104,
    Connecting = 105,
}

impl Reason {
    /// Whether it is raised about a wsi that is being closed.
    #[must_use]
    pub fn is_of_the_end(self) -> bool {
        matches!(
            self,
            Self::ClientConnectionError
                | Self::ClosedHttp
                | Self::ClosedClientHttp
                | Self::ClientHttpDropProtocol
                | Self::HttpDropProtocol
                | Self::WsiDestroy
                | Self::ChildClosing
                | Self::DelPollFd
                | Self::ChangeModePollFd
                | Self::LockPoll
                | Self::UnlockPoll
        )
    }
}
