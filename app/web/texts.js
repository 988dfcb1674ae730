/** Every text that the page's scripts show; what never changes stands in index.html. */

export const steps = {
  loading: "어디까지 됐는지 확인하고 있어요",
  waiting: "잠시 기다렸다가 보낼게요",
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
  chosen: (name) => `사진을 골랐어요: ${name}`,
};

const later = (seconds) => (seconds > 0 ? `${duration(seconds)} 뒤에` : "잠시 뒤에");

/**
 * What went wrong and what to do about it. `text` takes the seconds that the server wants to be left alone, or 0.
 * `retry` is what the button says that sends the same photo again; it is missing where that cannot help. `look` tells
 * that the scan still goes on and may be watched further.
 */
export const failures = {
  badPhoto: {
    title: "사진을 읽을 수 없어요",
    text: () => "파일이 손상되었거나 지원하지 않는 형식이에요. JPEG, PNG, WebP 사진으로 다시 골라 주세요.",
  },
  badRequest: {
    title: "요청을 처리할 수 없어요",
    text: () => "보낸 내용에 문제가 있어요. 다른 사진으로 다시 해 주세요.",
  },
  tooLarge: {
    title: "사진이 너무 커요",
    text: () => "10MB까지 보낼 수 있어요. 더 작은 사진을 골라 주세요.",
  },
  tooMany: {
    title: "지금은 이용하는 사람이 많아요",
    text: (seconds) => `${later(seconds)} 다시 시도해 주세요. 고른 사진은 그대로 있어요.`,
    retry: "다시 시도",
  },
  serverDown: {
    title: "서버에 문제가 생겼어요",
    text: (seconds) => `금방 돌아올게요. ${later(seconds)} 다시 시도해 주세요. 고른 사진은 그대로 있어요.`,
    retry: "다시 시도",
  },
  unreachable: {
    title: "연결할 수 없어요",
    text: () => "인터넷 연결을 확인하고 다시 시도해 주세요. 고른 사진은 그대로 있어요.",
    retry: "다시 시도",
  },
  expired: {
    title: "결과를 볼 수 있는 시간이 지났어요",
    text: () => "결과는 한 시간 동안만 보관해요. 사진을 다시 올려 주세요.",
    retry: "같은 사진 다시 보내기",
  },
  timedOut: {
    title: "아직 답이 나오지 않았어요",
    text: () => "오래 기다렸지만 분석이 끝나지 않았어요. 더 기다리거나 사진을 다시 보낼 수 있어요.",
    retry: "같은 사진 다시 보내기",
    look: true,
  },
  failed: {
    title: "답을 찾지 못했어요",
    text: () => "사진을 분석하는 중에 문제가 생겼어요. 다시 시도해 주세요.",
    retry: "다시 시도",
  },
  rejected: {
    title: "답을 찾지 못했어요",
    text: () => "이 사진은 분석할 수 없어요. 다른 사진으로 시도해 주세요.",
  },
};

/** What the button says that leads back to the start. */
export const restart = (hasPhoto) => (hasPhoto ? "다른 사진 고르기" : "사진 고르기");

export const result = {
  unknownThing: "무엇인지 잘 모르겠어요",
  elapsed: (seconds) => duration(seconds),
  source: (rule) => `근거: ${rule} 배출 규칙`,
  announceThing: (thing) => `사진 속 물건: ${thing}`,
  announceDone: (answer) => `버리는 방법이 나왔어요. ${answer}`,
};

export const rewards = {
  pending: "보상을 확인하고 있어요…",
  granted: (name) => (name ? `새 캐릭터를 만났어요: ${name}` : "새 캐릭터를 만났어요!"),
  owned: (name) => (name ? `이미 함께하는 캐릭터예요: ${name}` : "이미 함께하는 캐릭터예요."),
};

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}분 ${seconds % 60}초` : `${seconds}초`;
}
