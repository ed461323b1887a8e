"""What the digits of an id mean: type codes, administrative regions, industries.

Source: GB/T 28181-2022 annex E; GB/T 2260 for regions. Unknown codes are accepted everywhere: the
lists change from year to year, and vendors use the extension ranges.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

PLATFORM_TYPE: Final = "200"
REGION_LENGTHS: Final = (2, 4, 6, 8)
REGION_LEVELS: Final[Mapping[int, str]] = {2: "province", 4: "prefecture", 6: "county", 8: "unit"}


class Name(NamedTuple):
    """A name in both languages of the console."""

    en: str
    zh: str


TYPE_CODES: Final[Mapping[str, Name]] = {
    "111": Name("DVR", "硬盘录像机"),
    "112": Name("video server", "视频服务器"),
    "113": Name("encoder", "编码器"),
    "114": Name("decoder", "解码器"),
    "115": Name("video switching matrix", "视频切换矩阵"),
    "116": Name("audio switching matrix", "音频切换矩阵"),
    "117": Name("alarm controller", "报警控制器"),
    "118": Name("NVR", "网络视频录像机"),
    "120": Name("online video-image capture system", "在线视频图像信息采集系统"),
    "121": Name("video checkpoint", "视频卡口"),
    "122": Name("multi-sensor device", "多目设备"),
    "123": Name("car-park entrance controller", "停车场出入口控制设备"),
    "124": Name("personnel entrance controller", "人员出入口控制设备"),
    "125": Name("security-inspection device", "安检设备"),
    "130": Name("hybrid video recorder", "混合硬盘录像机"),
    "131": Name("camera", "摄像机"),
    "132": Name("network camera", "网络摄像机"),
    "133": Name("display", "显示器"),
    "134": Name("alarm input", "报警输入设备"),
    "135": Name("alarm output", "报警输出设备"),
    "136": Name("audio input", "语音输入设备"),
    "137": Name("audio output", "语音输出设备"),
    "138": Name("mobile transmission device", "移动传输设备"),
    "139": Name("other peripheral", "其他外围设备"),
    "140": Name("relay alarm output", "报警输出设备(继电器)"),
    "141": Name("vehicle barrier", "道闸"),
    "142": Name("smart door", "智能门"),
    "143": Name("credential reader", "凭证识别单元"),
    "200": Name("centre signalling control server", "中心信令控制服务器"),
    "201": Name("web application server", "Web应用服务器"),
    "202": Name("media distribution server", "媒体分发服务器"),
    "203": Name("proxy server", "代理服务器"),
    "204": Name("security server", "安全服务器"),
    "205": Name("alarm server", "报警服务器"),
    "206": Name("database server", "数据库服务器"),
    "207": Name("GIS server", "GIS服务器"),
    "208": Name("management server", "管理服务器"),
    "209": Name("access gateway", "接入网关"),
    "210": Name("media storage server", "媒体存储服务器"),
    "211": Name("signalling security routing gateway", "信令安全路由网关"),
    "215": Name("business group", "业务分组"),
    "216": Name("virtual organisation", "虚拟组织"),
    "300": Name("centre user", "中心用户"),
    "400": Name("terminal user", "终端用户"),
    "500": Name("integrated application platform", "综合应用平台"),
    "501": Name("operation and maintenance platform", "运维管理平台"),
    "502": Name("analysis system", "分析系统"),
    "503": Name("information database", "信息库"),
    "505": Name("analysis device", "分析设备"),
}

PROVINCES: Final[Mapping[str, Name]] = {
    "11": Name("Beijing", "北京市"),
    "12": Name("Tianjin", "天津市"),
    "13": Name("Hebei", "河北省"),
    "14": Name("Shanxi", "山西省"),
    "15": Name("Inner Mongolia", "内蒙古自治区"),
    "21": Name("Liaoning", "辽宁省"),
    "22": Name("Jilin", "吉林省"),
    "23": Name("Heilongjiang", "黑龙江省"),
    "31": Name("Shanghai", "上海市"),
    "32": Name("Jiangsu", "江苏省"),
    "33": Name("Zhejiang", "浙江省"),
    "34": Name("Anhui", "安徽省"),
    "35": Name("Fujian", "福建省"),
    "36": Name("Jiangxi", "江西省"),
    "37": Name("Shandong", "山东省"),
    "41": Name("Henan", "河南省"),
    "42": Name("Hubei", "湖北省"),
    "43": Name("Hunan", "湖南省"),
    "44": Name("Guangdong", "广东省"),
    "45": Name("Guangxi", "广西壮族自治区"),
    "46": Name("Hainan", "海南省"),
    "50": Name("Chongqing", "重庆市"),
    "51": Name("Sichuan", "四川省"),
    "52": Name("Guizhou", "贵州省"),
    "53": Name("Yunnan", "云南省"),
    "54": Name("Tibet", "西藏自治区"),
    "61": Name("Shaanxi", "陕西省"),
    "62": Name("Gansu", "甘肃省"),
    "63": Name("Qinghai", "青海省"),
    "64": Name("Ningxia", "宁夏回族自治区"),
    "65": Name("Xinjiang", "新疆维吾尔自治区"),
    "71": Name("Taiwan", "台湾省"),
    "81": Name("Hong Kong", "香港特别行政区"),
    "82": Name("Macao", "澳门特别行政区"),
}


def type_code(gb_id: str) -> str:
    """Digits 11-13 of a 20-digit id, empty for every other form."""
    return gb_id[10:13] if len(gb_id) == 20 and gb_id.isascii() and gb_id.isdigit() else ""


def is_platform_id(gb_id: str) -> bool:
    """Whether the id is one of a whole platform. Some have ids of other types: operators say so then."""
    return type_code(gb_id) == PLATFORM_TYPE


def type_name(gb_id: str) -> Name | None:
    """What kind of thing the id stands for, when its type code is listed."""
    return TYPE_CODES.get(type_code(gb_id))


def region_parent(code: str) -> str | None:
    """The region above: the code without its last two digits."""
    return code[:-2] if len(code) > 2 else None


def region_level(code: str) -> str | None:
    """province, prefecture, county or unit, by the number of digits."""
    return REGION_LEVELS.get(len(code))
