/** Every text that the page's scripts show; what never changes stands in index.html. */

export const steps = {
  uploading: "사진을 보내고 있어요",
  pending: "사진을 받았어요",
  scan: "사진 속 물건을 확인하고 있어요",
  analyze: "어떤 규칙이 맞는지 찾고 있어요",
  answer: "버리는 방법을 정리하고 있어요",
  complete: "다 됐어요",
};

export const stageStates = { done: "끝남", active: "진행 중", waiting: "대기" };

export const notices = {
  offline: "연결이 끊겼어요. 자동으로 다시 연결하고 있어요.",
  slow: "평소보다 오래 걸리고 있어요. 이 주소를 다시 열면 이어서 볼 수 있어요.",
};

export const photo = {
  none: "사진을 먼저 골라 주세요.",
  kind: "JPEG, PNG, WebP 사진만 쓸 수 있어요.",
  tooLarge: "사진이 10MB보다 커요. 더 작은 사진을 골라 주세요.",
  previewAlt: (name) => `고른 사진: ${name}`,
};

/** What went wrong, what to do about it, and whether sending the same photo again may help. */
export const failures = {
  badPhoto: {
    title: "사진을 읽을 수 없어요",
    text: "파일이 손상되었거나 지원하지 않는 형식이에요. JPEG, PNG, WebP 사진으로 다시 골라 주세요.",
    retry: false,
  },
  badRequest: {
    title: "요청을 처리할 수 없어요",
    text: "보낸 내용에 문제가 있어요. 다른 사진으로 다시 해 주세요.",
    retry: false,
  },
  tooLarge: {
    title: "사진이 너무 커요",
    text: "10MB까지 보낼 수 있어요. 더 작은 사진을 골라 주세요.",
    retry: false,
  },
  tooMany: {
    title: "지금은 이용하는 사람이 많아요",
    text: "잠시 뒤에 다시 시도해 주세요. 고른 사진은 그대로 있어요.",
    retry: true,
  },
  serverDown: {
    title: "서버에 문제가 생겼어요",
    text: "금방 돌아올게요. 잠시 뒤에 다시 시도해 주세요.",
    retry: true,
  },
  unreachable: {
    title: "인터넷에 연결할 수 없어요",
    text: "연결 상태를 확인하고 다시 시도해 주세요. 고른 사진은 그대로 있어요.",
    retry: true,
  },
  expired: {
    title: "결과를 볼 수 있는 시간이 지났어요",
    text: "결과는 한 시간 동안만 보관해요. 사진을 다시 올려 주세요.",
    retry: false,
  },
  failed: {
    title: "답을 찾지 못했어요",
    text: "사진을 분석하는 중에 문제가 생겼어요. 다시 시도해 주세요.",
    retry: true,
  },
};

export const result = {
  unknownThing: "무엇인지 잘 모르겠어요",
  elapsed: (seconds) => `${seconds}초`,
  source: (rule) => `근거: ${rule} 배출 규칙`,
  announceThing: (thing) => `사진 속 물건: ${thing}`,
  announceDone: "버리는 방법이 나왔어요.",
};

export const rewards = {
  pending: "보상을 확인하고 있어요…",
  granted: (name) => (name ? `새 캐릭터를 만났어요: ${name}` : "새 캐릭터를 만났어요!"),
  owned: (name) => (name ? `이미 함께하는 캐릭터예요: ${name}` : "이미 함께하는 캐릭터예요."),
};
