# SPDX-License-Identifier: Apache-2.0
"""Code pages of ActiveSync, as far as they are spoken here. Spec: MS-ASWBXML 2.1.2.1.

Whole pages: a phone may send any element of a page it uses, and one that nobody needs must not
make its whole request unreadable. Calendar, contacts, tasks, notes and search are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evict.wire.wbxml import Pages, tokens_of


def _page(names: str) -> Mapping[int, str]:
    """Tags in the order of their tokens, from 0x05 on; a dash is a token without a tag."""
    return {token: name for token, name in enumerate(names.split(), start=0x05) if name.strip("-")}


PAGES: Final[Pages] = {
    0: (
        "AirSync",
        _page(
            "Sync Responses Add Change Delete Fetch SyncKey ClientId ServerId Status Collection"
            " Class Version CollectionId GetChanges MoreAvailable WindowSize Commands Options"
            " FilterType Truncation - Conflict Collections ApplicationData DeletesAsMoves -"
            " Supported SoftDelete MIMESupport MIMETruncation Wait Limit Partial"
            " ConversationMode MaxItems HeartbeatInterval"
        ),
    ),
    2: (
        "Email",
        _page(
            "Attachment Attachments AttName AttSize Att0Id AttMethod AttRemoved Body BodySize"
            " BodyTruncated DateReceived DisplayName DisplayTo Importance MessageClass Subject"
            " Read To Cc From ReplyTo AllDayEvent Categories Category DtStamp EndTime"
            " InstanceType BusyStatus Location MeetingRequest Organizer RecurrenceId Reminder"
            " ResponseRequested Recurrences Recurrence Type Until Occurrences Interval"
            " DayOfWeek DayOfMonth WeekOfMonth MonthOfYear StartTime Sensitivity TimeZone"
            " GlobalObjId ThreadTopic MIMEData MIMETruncated MIMESize InternetCPID Flag Status"
            " ContentClass FlagType CompleteTime DisallowNewTimeProposal"
        ),
    ),
    6: (
        "GetItemEstimate",
        _page(
            "GetItemEstimate Version Collections Collection Class CollectionId DateTime Estimate"
            " Response Status"
        ),
    ),
    7: (
        "FolderHierarchy",
        _page(
            "Folders Folder DisplayName ServerId ParentId Type - Status - Changes Add Delete"
            " Update SyncKey FolderCreate FolderDelete FolderUpdate FolderSync Count"
        ),
    ),
    13: (
        "Ping",
        _page("Ping AutdState Status HeartbeatInterval Folders Folder Id Class MaxFolders"),
    ),
    14: (
        "Provision",
        _page(
            "Provision Policies Policy PolicyType PolicyKey Data Status RemoteWipe"
            " EASProvisionDoc DevicePasswordEnabled AlphanumericDevicePasswordRequired"
            " RequireStorageCardEncryption PasswordRecoveryEnabled - AttachmentsEnabled"
            " MinDevicePasswordLength MaxInactivityTimeDeviceLock"
            " MaxDevicePasswordFailedAttempts MaxAttachmentSize AllowSimpleDevicePassword"
            " DevicePasswordExpiration DevicePasswordHistory AllowStorageCard AllowCamera"
            " RequireDeviceEncryption AllowUnsignedApplications"
            " AllowUnsignedInstallationPackages MinDevicePasswordComplexCharacters AllowWiFi"
            " AllowTextMessaging AllowPOPIMAPEmail AllowBluetooth AllowIrDA"
            " RequireManualSyncWhenRoaming AllowDesktopSync MaxCalendarAgeFilter AllowHTMLEmail"
            " MaxEmailAgeFilter MaxEmailBodyTruncationSize MaxEmailHTMLBodyTruncationSize"
            " RequireSignedSMIMEMessages RequireEncryptedSMIMEMessages"
            " RequireSignedSMIMEAlgorithm RequireEncryptionSMIMEAlgorithm"
            " AllowSMIMEEncryptionAlgorithmNegotiation AllowSMIMESoftCerts AllowBrowser"
            " AllowConsumerEmail AllowRemoteDesktop AllowInternetSharing"
            " UnapprovedInROMApplicationList ApplicationName ApprovedApplicationList Hash"
            " AccountOnlyRemoteWipe"
        ),
    ),
    17: (
        "AirSyncBase",
        _page(
            "BodyPreference Type TruncationSize AllOrNone - Body Data EstimatedDataSize Truncated"
            " Attachments Attachment DisplayName FileReference Method ContentId ContentLocation"
            " IsInline NativeBodyType ContentType Preview BodyPartPreference BodyPart Status Add"
            " Delete ClientId Content Location Annotation Street City State Country PostalCode"
            " Latitude Longitude Accuracy Altitude AltitudeAccuracy LocationUri InstanceId"
        ),
    ),
    18: (
        "Settings",
        _page(
            "Settings Status Get Set Oof OofState StartTime EndTime OofMessage AppliesToInternal"
            " AppliesToExternalKnown AppliesToExternalUnknown Enabled ReplyMessage BodyType"
            " DevicePassword Password DeviceInformation Model IMEI FriendlyName OS OSLanguage"
            " PhoneNumber UserInformation EmailAddresses SmtpAddress UserAgent"
            " EnableOutboundSMS MobileOperator PrimarySmtpAddress Accounts Account AccountId"
            " AccountName UserDisplayName SendDisabled - RightsManagementInformation"
        ),
    ),
    20: (
        "ItemOperations",
        _page(
            "ItemOperations Fetch Store Options Range Total Properties Data Status Response"
            " Version Schema Part EmptyFolderContents DeleteSubFolders UserName Password Move"
            " DstFldId ConversationId MoveAlways"
        ),
    ),
    21: (
        "ComposeMail",
        _page(
            "SendMail SmartForward SmartReply SaveInSentItems ReplaceMime - Source FolderId"
            " ItemId LongId InstanceId Mime ClientId Status AccountId -"
            " Forwardees Forwardee Name Email"
        ),
    ),
}

TOKENS: Final = tokens_of(PAGES)
