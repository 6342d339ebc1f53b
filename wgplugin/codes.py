"""The codes of errors and warnings; each stands at the end of its message.

docs/errors.md has the cause and the cure for each code.
"""

from enum import StrEnum, unique


@unique
class Code(StrEnum):
    """A kind of mistake with a cure of its own.

    Codes are stable, as people search for them: a code keeps its number, and the number of a
    removed code is never used again. A new code gets the next number of its hundred.
    """

    # Requests to Docker: options and addresses.
    UNKNOWN_OPTION = "WG101"
    NO_CONFIGURATION = "WG102"
    CONFIGURATION_NAME = "WG103"
    CONTAINER_ADDRESS = "WG104"
    MAC_ADDRESS = "WG105"
    BYPASS_AND_GATEWAY = "WG106"
    OUTSIDE_SUBNET = "WG107"
    OTHER_ADDRESS = "WG108"
    NO_ADDRESS = "WG109"
    TOO_MANY_ADDRESSES = "WG110"
    IN_USE = "WG111"
    DNS_NOT_ASKED = "WG112"
    NO_IPV6_ADDRESS = "WG113"
    NEXT_START = "WG114"
    PORTS_NOT_PUBLISHED = "WG115"
    OTHER_MTU = "WG116"
    SAME_ROUTES = "WG117"
    STAYS_CLOSED = "WG118"
    NEEDS_LIVE = "WG119"
    NO_GATEWAY = "WG120"
    SHARED_ONLY = "WG121"
    SUBNET_TAKEN = "WG122"
    PORT_TAKEN = "WG123"

    # Files and configurations.
    NO_SUCH_FILE = "WG201"
    EMPTY_FOLDER = "WG202"
    LINK_OUT = "WG203"
    NOT_A_FILE = "WG204"
    UNREADABLE = "WG205"
    TOO_LARGE = "WG206"
    NOT_TEXT = "WG207"
    EMPTY_FILE = "WG208"
    FILE_NAME = "WG209"
    UNKNOWN_SECTION = "WG210"
    UNKNOWN_KEY = "WG211"
    OTHER_PROGRAM = "WG212"
    MALFORMED_LINE = "WG213"
    MISPLACED_KEY = "WG214"
    SPACES_IN_NAME = "WG215"
    MISSING_KEY = "WG216"
    BAD_KEY = "WG217"
    BAD_VALUE = "WG218"
    BAD_ALLOWED_IP = "WG219"
    BAD_ENDPOINT = "WG220"
    BAD_ADDRESS = "WG221"
    BAD_DNS = "WG222"
    COMMAND_IGNORED = "WG223"
    IGNORED = "WG224"
    READ_AS = "WG225"
    REPEATED = "WG226"
    SHARED_RANGE = "WG227"
    SMALL_MTU = "WG228"
    ODD_SPACE = "WG229"

    # Settings: wgplugin.yaml, and the same in options and in the environment.
    NOT_YAML = "WG301"
    UNUSED_YAML = "WG302"
    UNKNOWN_SETTING = "WG303"
    MISPLACED_SETTING = "WG304"
    BAD_FORM = "WG305"
    REPEATED_SETTING = "WG306"
    BAD_SETTING = "WG307"
    BAD_BYPASS = "WG308"
    NO_FILE_FOR_SETTINGS = "WG309"
    BAD_FORWARD = "WG310"

    # The host: its kernel, its devices, its DNS, its containers' networks.
    NO_WIREGUARD = "WG401"
    NOT_PERMITTED = "WG402"
    KERNEL_REFUSES = "WG403"
    PORT_IN_USE = "WG404"
    TOO_MANY_NAMESPACES = "WG405"
    NOT_RESOLVED = "WG406"
    NOT_LIVE = "WG407"
    NOT_ENTERED = "WG408"
    NOT_SET_UP = "WG409"
    NO_NFTABLES = "WG410"
    NO_DEVICE = "WG411"
    NO_IPV6 = "WG412"
    NO_ROUTER = "WG413"
    NOT_FORWARDED = "WG414"
    NOT_PUBLISHED = "WG415"

    # The plugin itself: Docker's calls, its state, its command line.
    BAD_REQUEST = "WG501"
    TOO_LATE = "WG502"
    FAILED = "WG503"
    UNKNOWN_NETWORK = "WG504"
    UNKNOWN_ENDPOINT = "WG505"
    STATE_UNUSABLE = "WG506"
    STATE_NOT_WRITTEN = "WG507"
    STATE_DAMAGED = "WG508"
    STATE_NEWER = "WG509"
    NO_ANSWER = "WG510"
    COMMAND_LINE = "WG511"
