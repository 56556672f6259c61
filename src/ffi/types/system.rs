//! The system state machine, messages between parts of the program, measurements.

use std::ffi::{c_char, c_int, c_void};

use super::{
    addrinfo, enum_lws_system_states, lws_attach_item, lws_context, lws_dll2_owner_t, lws_dll2_t,
    lws_metric_pub, lws_sockaddr46, lws_system_blob, lws_usec_t,
};

/// Classes of system messages; a bitmap.
pub type lws_smd_class_t = u32;

/// System message class: something happened at a user interface.
pub const LWSSMDCL_INTERACTION: c_int = 1;
/// System message class: the system state changed.
pub const LWSSMDCL_SYSTEM_STATE: c_int = 2;
/// System message class: the network changed.
pub const LWSSMDCL_NETWORK: c_int = 4;
/// System message class: measurements.
pub const LWSSMDCL_METRICS: c_int = 8;
/// System message classes: the first bit that is the program's own.
pub const LWSSMDCL_USER_BASE_BITNUM: c_int = 24;

/// Takes system messages; nonzero ends its registration.
pub type lws_smd_notification_cb_t = Option<
    unsafe extern "C" fn(
        opaque: *mut c_void,
        _class: lws_smd_class_t,
        timestamp: lws_usec_t,
        buf: *mut c_void,
        len: usize,
    ) -> c_int,
>;

/// Where the system is on its way to being operational.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_system_states {
    /// Not known.
    LWS_SYSTATE_UNKNOWN = 0,
    /// The context exists.
    LWS_SYSTATE_CONTEXT_CREATED = 1,
    /// Vhosts and protocols are initialized.
    LWS_SYSTATE_INITIALIZED = 2,
    /// Network interfaces are looked at.
    LWS_SYSTATE_IFACE_COLDPLUG = 3,
    /// An address is obtained.
    LWS_SYSTATE_DHCP = 4,
    /// Captive portal detection, before time is known.
    LWS_SYSTATE_CPD_PRE_TIME = 5,
    /// Time is known.
    LWS_SYSTATE_TIME_VALID = 6,
    /// Captive portal detection, with time known.
    LWS_SYSTATE_CPD_POST_TIME = 7,
    /// There is a policy.
    LWS_SYSTATE_POLICY_VALID = 8,
    /// The device is registered.
    LWS_SYSTATE_REGISTERED = 9,
    /// First authentication.
    LWS_SYSTATE_AUTH1 = 10,
    /// Second authentication.
    LWS_SYSTATE_AUTH2 = 11,
    /// Everything is ready.
    LWS_SYSTATE_OPERATIONAL = 12,
    /// The policy is changing.
    LWS_SYSTATE_POLICY_INVALID = 13,
    /// The context is being destroyed.
    LWS_SYSTATE_CONTEXT_DESTROYING = 14,
}
c_enum!(lws_system_states);

/// The bytes that a context keeps for the parts of a program; see `lws_system_get_blob()`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_system_blob_item {
    /// Authentication tokens; there are two.
    LWS_SYSBLOB_TYPE_AUTH = 0,
    /// The client certificate, DER.
    LWS_SYSBLOB_TYPE_CLIENT_CERT_DER = 2,
    /// The client certificate's private key, DER.
    LWS_SYSBLOB_TYPE_CLIENT_KEY_DER = 3,
    /// The device's serial number.
    LWS_SYSBLOB_TYPE_DEVICE_SERIAL = 4,
    /// The version of the device's firmware.
    LWS_SYSBLOB_TYPE_DEVICE_FW_VERSION = 5,
    /// The kind of device.
    LWS_SYSBLOB_TYPE_DEVICE_TYPE = 6,
    /// The server to ask for the time.
    LWS_SYSBLOB_TYPE_NTP_SERVER = 7,
    /// MQTT: the client's identifier.
    LWS_SYSBLOB_TYPE_MQTT_CLIENT_ID = 8,
    /// MQTT: the user's name.
    LWS_SYSBLOB_TYPE_MQTT_USERNAME = 9,
    /// MQTT: the password.
    LWS_SYSBLOB_TYPE_MQTT_PASSWORD = 10,
    /// How many there are.
    LWS_SYSBLOB_TYPE_COUNT = 11,
}
c_enum!(lws_system_blob_item);
/// Bytes that the parts of a program share through the context.
pub type lws_system_blob_t = lws_system_blob;

/// What captive portal detection found.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_cpd_result {
    /// Nothing yet.
    LWS_CPD_UNKNOWN = 0,
    /// The internet is reachable.
    LWS_CPD_INTERNET_OK = 1,
    /// A captive portal is in the way.
    LWS_CPD_CAPTIVE_PORTAL = 2,
    /// The internet is not reachable.
    LWS_CPD_NO_INTERNET = 3,
}
c_enum!(lws_cpd_result);

/// Told about a state change: from `current` to `target`. Nonzero vetoes it for now.
pub type lws_state_notify_t = Option<
    unsafe extern "C" fn(
        mgr: *mut lws_state_manager,
        link: *mut lws_state_notify_link,
        current: c_int,
        target: c_int,
    ) -> c_int,
>;

/// Someone who wants to know about state changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_state_notify_link {
    /// Links it to the others.
    pub list: lws_dll2_t,
    /// Told about changes.
    pub notify_cb: lws_state_notify_t,
    /// Name for logs.
    pub name: *const c_char,
}
assert_layout!(lws_state_notify_link, 40, {list: 0, notify_cb: 24, name: 32});
/// Someone who wants to know about state changes.
pub type lws_state_notify_link_t = lws_state_notify_link;

/// A state machine.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_state_manager {
    /// Who wants to know.
    pub notify_list: lws_dll2_owner_t,
    /// Its context.
    pub context: *mut lws_context,
    /// For the program.
    pub parent: *mut c_void,
    /// Class of the system messages that changes cause; 0 for none.
    pub smd_class: lws_smd_class_t,
    /// Names of the states.
    pub state_names: *mut *const c_char,
    /// Name for logs.
    pub name: *const c_char,
    /// The state.
    pub state: c_int,
}
assert_layout!(lws_state_manager, 72, {notify_list: 0, context: 24, parent: 32, smd_class: 40, state_names: 48, name: 56, state: 64});
/// A state machine.
pub type lws_state_manager_t = lws_state_manager;

/// Called on the service thread for `__lws_system_attach()`.
pub type lws_attach_cb_t =
    Option<unsafe extern "C" fn(context: *mut lws_context, tsi: c_int, opaque: *mut c_void)>;

/// A metric; not provided.
pub type lws_metric_pub_t = lws_metric_pub;

/// What the system can do for the library. Any of them may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_system_ops {
    /// Reboot.
    pub reboot: Option<unsafe extern "C" fn() -> c_int>,
    /// Set the clock, in microseconds since 1970.
    pub set_clock: Option<unsafe extern "C" fn(us: lws_usec_t) -> c_int>,
    /// Call `cb` on the service thread once `state` is reached.
    pub attach: Option<
        unsafe extern "C" fn(
            context: *mut lws_context,
            tsi: c_int,
            cb: lws_attach_cb_t,
            state: enum_lws_system_states,
            opaque: *mut c_void,
            get: *mut *mut lws_attach_item,
        ) -> c_int,
    >,
    /// Start captive portal detection.
    pub captive_portal_detect_request: Option<unsafe extern "C" fn(context: *mut lws_context) -> c_int>,
    /// Take a measurement.
    pub metric_report: Option<unsafe extern "C" fn(mdata: *mut lws_metric_pub_t) -> c_int>,
    /// Find a trusted certificate by its subject key id.
    pub jit_trust_query: Option<
        unsafe extern "C" fn(
            cx: *mut lws_context,
            skid: *const u8,
            skid_len: usize,
            got_opaque: *mut c_void,
        ) -> c_int,
    >,
    /// How long the system takes to wake, in microseconds.
    pub wake_latency_us: u32,
}
assert_layout!(lws_system_ops, 56, {reboot: 0, set_clock: 8, attach: 16, captive_portal_detect_request: 24, metric_report: 32, jit_trust_query: 40, wake_latency_us: 48});
/// What the system can do for the library.
pub type lws_system_ops_t = lws_system_ops;

/// A duration in microseconds.
pub type lws_conmon_interval_us_t = u32;

/// Which member of `protocol_specific` is valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_conmon_pcol {
    /// None.
    LWSCONMON_PCOL_NONE = 0,
    /// `http`.
    LWSCONMON_PCOL_HTTP = 1,
}
c_enum!(lws_conmon_pcol);
/// Which member of `protocol_specific` is valid.
pub type lws_conmon_pcol_t = lws_conmon_pcol;

/// How name resolution ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum lws_conmon_dns_disposition {
    /// It did not.
    LWSCONMON_DNS_NONE = 0,
    /// With addresses.
    LWSCONMON_DNS_OK = 1,
    /// No server was reachable.
    LWSCONMON_DNS_SERVER_UNREACHABLE = 2,
    /// Without addresses.
    LWSCONMON_DNS_NO_RESULT = 3,
}
c_enum!(lws_conmon_dns_disposition);
/// How name resolution ended.
pub type lws_conmon_dns_disposition_t = lws_conmon_dns_disposition;

/// HTTP part of the measurements.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct lws_conmon_http {
    /// The response's status.
    pub response: c_int,
}

/// Protocol part of the measurements.
#[repr(C)]
#[derive(Clone, Copy)]
pub union lws_conmon_protocol_specific {
    /// HTTP.
    pub http: lws_conmon_http,
}

/// Measurements of a client connection.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_conmon {
    /// The peer.
    pub peer46: lws_sockaddr46,
    /// What depends on the protocol.
    pub protocol_specific: lws_conmon_protocol_specific,
    /// What name resolution found.
    pub dns_results_copy: *mut addrinfo,
    /// Time that name resolution took.
    pub ciu_dns: lws_conmon_interval_us_t,
    /// Time that the connection took.
    pub ciu_sockconn: lws_conmon_interval_us_t,
    /// Time that the TLS handshake took.
    pub ciu_tls: lws_conmon_interval_us_t,
    /// Time until the first byte of the response.
    pub ciu_txn_resp: lws_conmon_interval_us_t,
    /// Which member of `protocol_specific` is valid.
    pub pcol: lws_conmon_pcol_t,
    /// How name resolution ended.
    pub dns_disposition: lws_conmon_dns_disposition_t,
}
assert_layout!(lws_conmon, 64, {peer46: 0, protocol_specific: 28, dns_results_copy: 32, ciu_dns: 40, ciu_sockconn: 44, ciu_tls: 48, ciu_txn_resp: 52, pcol: 56, dns_disposition: 60});

/// A unit for humans.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lws_humanize_unit {
    /// Its name; NULL ends a table.
    pub name: *const c_char,
    /// How much it is.
    pub factor: u64,
}
assert_layout!(lws_humanize_unit, 16, {name: 0, factor: 8});
/// A unit for humans.
pub type lws_humanize_unit_t = lws_humanize_unit;

/// Name resolution: failed, and the wsi is gone.
pub const LADNS_RET_FAILED_WSI_CLOSED: c_int = -4;
/// Name resolution: there is no such name.
pub const LADNS_RET_NXDOMAIN: c_int = -3;
/// Name resolution: no answer in time.
pub const LADNS_RET_TIMEDOUT: c_int = -2;
/// Name resolution: failed.
pub const LADNS_RET_FAILED: c_int = -1;
/// Name resolution: found.
pub const LADNS_RET_FOUND: c_int = 0;
/// Name resolution: still at it.
pub const LADNS_RET_CONTINUING: c_int = 1;

/// Test message: the end.
pub const LTMI_END_OF_ARRAY: c_int = 0x0;
/// Test message: the first one of protocols.
pub const LTMI_PROTOCOL_BASE: c_int = 0x800;
/// Test message: the first one of transports.
pub const LTMI_TRANSPORT_BASE: c_int = 0x1000;
/// Test message: a peer's address.
pub const LTMI_PEER_V_DNS_ADDRESS: c_int = 0x1000;
/// Test message: a peer's port.
pub const LTMI_PEER_LV_PORT: c_int = 0x1001;
/// Test message: TLS flags.
pub const LTMI_PEER_LV_TLS_FLAGS: c_int = 0x1002;
/// Test message: what is expected.
pub const LTMI_PEER_V_EXPECT_TEST: c_int = 0x1000;
/// Test message: what to call with the result.
pub const LTMI_PEER_V_EXPECT_RESULT_CB: c_int = 0x1001;
/// Test message: what to call it with.
pub const LTMI_PEER_V_EXPECT_RESULT_CB_ARG: c_int = 0x1002;
