//! The callback reasons the engine raises. The numbers are the C API's (`enum lws_callback_reasons`).

/// Why user code is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "each is documented with the C enum it equals")]
pub enum Reason {
    Established = 0,
    ClientConnectionError = 1,
    ClientFilterPreEstablish = 2,
    ClientEstablished = 3,
    Closed = 4,
    ClosedHttp = 5,
    Receive = 6,
    ReceivePong = 7,
    ClientReceive = 8,
    ClientReceivePong = 9,
    ClientWriteable = 10,
    ServerWriteable = 11,
    Http = 12,
    HttpBody = 13,
    HttpBodyCompletion = 14,
    HttpFileCompletion = 15,
    HttpWriteable = 16,
    FilterNetworkConnection = 17,
    FilterHttpConnection = 18,
    ServerNewClientInstantiated = 19,
    FilterProtocolConnection = 20,
    ClientAppendHandshakeHeader = 24,
    ConfirmExtensionOkay = 25,
    ClientConfirmExtensionSupported = 26,
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
    WsPeerInitiatedClose = 38,
    WsExtDefaults = 39,
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
    ClientClosed = 75,
    ClientHttpDropProtocol = 76,
    WsServerDropProtocol = 78,
    WsClientDropProtocol = 80,
    ClientHttpBindProtocol = 85,
    HttpConfirmUpgrade = 86,
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
                | Self::Closed
                | Self::ClientClosed
                | Self::WsServerDropProtocol
                | Self::WsClientDropProtocol
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
