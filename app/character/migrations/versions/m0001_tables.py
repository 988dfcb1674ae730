"""The four tables, and the catalogue's first thirteen characters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence, DropSequence

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_VERSIONS = sa.Sequence("catalogue_version")

CHARACTERS = (
    ("char-eco", "이코", None, "대표 캐릭터", "안녕! 나는 이코야. 오늘부터 같이 분리배출하자!"),
    ("char-paper", "페이피", "종이", "종이 캐릭터", "차곡차곡 펴서 묶어 주면 다시 새 종이가 될 수 있어!"),
    ("char-paper-pack", "팩토리", "종이팩", "종이팩 캐릭터", "헹구고 펼쳐서 말려 줘. 휴지로 다시 만나자!"),
    ("char-pet", "페티", "무색페트병", "무색페트병 캐릭터", "라벨을 떼고 꾹 눌러 줘. 나는 투명할 때 제일 빛나!"),
    ("char-metal", "메탈리", "금속류", "금속 캐릭터", "몇 번을 녹여도 나는 다시 단단해져!"),
    ("char-vinyl", "비니", "비닐류", "비닐 캐릭터", "깨끗이 털어서 모아 줘. 흩날리는 건 싫어!"),
    ("char-glass", "글래시", "유리병", "유리병 캐릭터", "뚜껑을 열고 헹궈 줘. 깨지지 않게 조심!"),
    ("char-textile", "코튼", "의류및원단", "의류 캐릭터", "깨끗이 접어 넣어 주면 누군가의 옷이 될 거야!"),
    ("char-plastic", "플리", "플라스틱류", "플라스틱 캐릭터", "속을 비우고 헹궈 줘. 가볍게 다시 태어날게!"),
    (
        "char-electronics",
        "일렉",
        "전기전자제품",
        "전기전자제품 캐릭터",
        "내 안엔 귀한 금속이 가득해. 그냥 버리지 마!",
    ),
    ("char-battery", "배리", "전지", "전지 캐릭터", "전용 수거함에 넣어 줘. 마지막 힘까지 안전하게!"),
    ("char-lighting", "라이티", "조명제품", "조명 캐릭터", "깨지지 않게 수거함까지 데려다줘. 빛은 남을 거야!"),
    ("char-foam", "폼이", "발포합성수지", "발포합성수지 캐릭터", "테이프를 떼고 하얗게 보내 줘. 나는 아주 가볍거든!"),
)
"""Code, name, the middle category that earns it, type, what it says."""


def upgrade() -> None:
    op.execute(CreateSequence(_VERSIONS))
    characters = _make_characters()
    _make_decisions()
    _make_ownerships()
    names = ("code", "name", "match_label", "type_label", "dialog")
    for row in CHARACTERS:
        values = dict(zip(names, row, strict=True))
        op.execute(characters.insert().values(**values, version=_VERSIONS.next_value()))


def downgrade() -> None:
    for table in ("user_characters", "character_ownerships", "reward_decisions", "characters"):
        op.drop_table(table)
    op.execute(DropSequence(_VERSIONS))


def _make_characters() -> sa.Table:
    table = op.create_table(
        "characters",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("match_label", sa.Text),
        sa.Column("type_label", sa.Text, nullable=False),
        sa.Column("dialog", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    active = sa.text("NOT deleted")
    op.create_index("characters_match_label", "characters", ["match_label"], unique=True, postgresql_where=active)
    return table


def _make_decisions() -> None:
    op.create_table(
        "reward_decisions",
        sa.Column("task_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("character_code", sa.Text),
        sa.Column("character_name", sa.Text),
        sa.Column("character_type", sa.Text),
        sa.Column("character_dialog", sa.Text),
        sa.Column("catalogue_version", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("status IN ('granted', 'owned', 'none')", name="reward_decisions_status"),
        sa.CheckConstraint("(status = 'none') = (character_code IS NULL)", name="reward_decisions_character"),
    )
    op.create_index(
        "reward_decisions_granted_once",
        "reward_decisions",
        ["user_id", "character_code"],
        unique=True,
        postgresql_where=sa.text("status = 'granted'"),
    )


def _make_ownerships() -> None:
    op.create_table(
        "character_ownerships",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("character_code", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("task_id", sa.Uuid),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("user_id", "character_code", name="character_ownerships_once"),
    )
    op.create_table(
        "user_characters",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("character_code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type_label", sa.Text, nullable=False),
        sa.Column("dialog", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("user_id", "character_code", name="user_characters_once"),
    )
