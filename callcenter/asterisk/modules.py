"""The closed list of Asterisk modules the hotline loads (modules.conf); all others stay out."""

from pathlib import Path

_CORE = """
res_sorcery_astdb res_sorcery_config res_sorcery_memory res_sorcery_memory_cache
res_timing_timerfd res_crypto res_rtp_asterisk res_srtp
res_http_websocket res_websocket_client pbx_config bridge_simple bridge_native_rtp bridge_holding bridge_softmix
bridge_builtin_features
res_musiconhold res_security_log
"""
_SIP = """
res_pjproject res_pjsip res_pjsip_pubsub res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_registrar
res_pjsip_authenticator_digest res_pjsip_endpoint_identifier_user res_pjsip_endpoint_identifier_ip
res_pjsip_header_funcs res_pjsip_nat res_pjsip_transport_websocket res_pjsip_dtmf_info res_pjsip_rfc3326
res_pjsip_dlg_options res_pjsip_empty_info res_pjsip_maintenance res_pjsip_logger chan_pjsip
"""
_MEDIA = """
codec_alaw codec_ulaw codec_a_mu codec_g722 codec_opus_open_source codec_opus codec_resample res_format_attr_opus
format_pcm format_wav format_sln format_wav_gsm codec_gsm
"""
_DIALPLAN = """
app_dial app_exec app_queue app_echo app_playback app_stack app_db app_verbose app_chanspy app_channelredirect
app_mixmonitor app_originate
func_callerid func_cdr func_channel func_db func_devstate func_global func_hangupcause func_logic func_math
func_strings func_timeout func_sprintf func_pjsip_contact func_pjsip_aor func_pjsip_endpoint
res_speech res_agi cdr_custom res_cdrel_custom
"""
_ARI = """
res_stasis res_stasis_device_state res_stasis_answer res_stasis_snoop res_stasis_playback res_stasis_recording
res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_channels res_ari_device_states
res_ari_endpoints res_ari_events app_stasis
"""

MODULES: tuple[str, ...] = tuple(" ".join((_CORE, _SIP, _MEDIA, _DIALPLAN, _ARI)).split())
"""Names without `.so`, in the order they are asked for. Some exist only in some versions of Asterisk."""


def module_lines(modules_dir: Path | None) -> str:
    """The `load` lines of modules.conf: those of MODULES that stand in `modules_dir` (None: all of them)."""
    return "".join(
        f"load = {name}.so\n" for name in MODULES if modules_dir is None or (modules_dir / f"{name}.so").exists()
    )
