; Installs the shell on a till. `shell_client.packaging.installer` compiles it and gives:
;   VERSION 1.2.3, APP_NAME, STEM (name of the program's files), BUNDLE (its folder), CONFIG (first settings),
;   ICON, SIZE_KB (installed), OUTPUT (the installer).
; Silent: Setup.exe /S [/D=C:\folder], uninstall.exe /S. Exit codes: 0 done, 1 left by the person, 2 not possible,
; 5 the program is running.

Unicode true
ManifestDPIAware true
RequestExecutionLevel admin
SetCompressor /SOLID lzma
SetDatablockOptimize on
SetDateSave off  ; else two builds of one commit would differ in the files' times

!include "MUI2.nsh"
!include "x64.nsh"

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${STEM}"
!define PROGRAM "${STEM}.exe"

Name "${APP_NAME}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\${STEM}"
BrandingText "${APP_NAME} ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "SimpChinese"

VIProductVersion "${VERSION}.0"
VIFileVersion "${VERSION}.0"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "ProductName" "${APP_NAME}"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "CompanyName" "${APP_NAME}"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "FileDescription" "${APP_NAME} 安装程序"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=${LANG_SIMPCHINESE} "LegalCopyright" ""

; Windows lets nobody write a program that runs: what cannot be opened for writing is running.
!macro WaitUntilClosed WHAT
  ${Do}
    ${IfNot} ${FileExists} "$INSTDIR\${PROGRAM}"
      ${Break}
    ${EndIf}
    ClearErrors
    FileOpen $0 "$INSTDIR\${PROGRAM}" a
    ${IfNot} ${Errors}
      FileClose $0
      ${Break}
    ${EndIf}
    SetErrorLevel 5
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${APP_NAME}正在运行。请先退出登录并关闭程序，再${WHAT}。" /SD IDCANCEL IDRETRY +2
    Quit
  ${Loop}
!macroend

!macro NotPossible WHY
  SetErrorLevel 2
  MessageBox MB_OK|MB_ICONSTOP "${WHY}" /SD IDOK
  Quit
!macroend

Function .onInit
  ${IfNot} ${RunningX64}
    !insertmacro NotPossible "本程序需要 64 位的 Windows。"
  ${EndIf}
  SetRegView 64
  SetShellVarContext all
  ; An upgrade goes where the older version is, unless /D= says otherwise.
  ReadRegStr $0 HKLM "${UNINSTALL_KEY}" "InstallLocation"
  ${If} $0 != ""
  ${AndIf} $INSTDIR == "$PROGRAMFILES64\${STEM}"
    StrCpy $INSTDIR $0
  ${EndIf}
FunctionEnd

Section
  !insertmacro WaitUntilClosed "安装"

  ; The new version is unpacked beside the old one: a full disk or a cut cable leaves the old one whole.
  RMDir /r "$INSTDIR\new"
  SetOutPath "$INSTDIR\new"
  ClearErrors
  File /r "${BUNDLE}\*"
  ${If} ${Errors}
    SetOutPath "$INSTDIR"
    RMDir /r "$INSTDIR\new"
    !insertmacro NotPossible "文件写不进去：请检查磁盘空间和权限。原来的版本没有改动。"
  ${EndIf}

  SetOutPath "$INSTDIR"
  RMDir /r "$INSTDIR\old"
  CreateDirectory "$INSTDIR\old"
  ClearErrors
  ${If} ${FileExists} "$INSTDIR\_internal\*.*"
    Rename "$INSTDIR\_internal" "$INSTDIR\old\_internal"
  ${EndIf}
  ${If} ${FileExists} "$INSTDIR\${PROGRAM}"
    Rename "$INSTDIR\${PROGRAM}" "$INSTDIR\old\${PROGRAM}"
  ${EndIf}
  Rename "$INSTDIR\new\_internal" "$INSTDIR\_internal"
  Rename "$INSTDIR\new\${PROGRAM}" "$INSTDIR\${PROGRAM}"
  ${If} ${Errors}
    RMDir /r "$INSTDIR\_internal"
    Rename "$INSTDIR\old\_internal" "$INSTDIR\_internal"
    Rename "$INSTDIR\old\${PROGRAM}" "$INSTDIR\${PROGRAM}"
    RMDir /r "$INSTDIR\new"
    RMDir /r "$INSTDIR\old"
    !insertmacro NotPossible "有文件被占用，新版本没有装上，原来的版本还在。请重启电脑后再试。"
  ${EndIf}
  RMDir /r "$INSTDIR\new"
  RMDir /r "$INSTDIR\old"

  ; The machine's settings belong to whoever set it up: an upgrade never writes over them.
  ${IfNot} ${FileExists} "$INSTDIR\config.json"
    File "/oname=config.json" "${CONFIG}"
  ${EndIf}

  CreateShortcut "$DESKTOP\${APP_NAME}.lnk" "$INSTDIR\${PROGRAM}"
  CreateDirectory "$SMPROGRAMS\${APP_NAME}"
  CreateShortcut "$SMPROGRAMS\${APP_NAME}\${APP_NAME}.lnk" "$INSTDIR\${PROGRAM}"
  CreateShortcut "$SMPROGRAMS\${APP_NAME}\卸载.lnk" "$INSTDIR\uninstall.exe"

  WriteUninstaller "$INSTDIR\uninstall.exe"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayName" "${APP_NAME}"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "Publisher" "${APP_NAME}"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoRepair" 1
  SetErrorLevel 0
SectionEnd

Function un.onInit
  SetRegView 64
  SetShellVarContext all
FunctionEnd

Section "Uninstall"
  !insertmacro WaitUntilClosed "卸载"
  ; Only what was installed, never the whole folder: somebody may have chosen one that holds other things.
  RMDir /r "$INSTDIR\_internal"
  RMDir /r "$INSTDIR\new"
  RMDir /r "$INSTDIR\old"
  Delete "$INSTDIR\${PROGRAM}"
  Delete "$INSTDIR\config.json"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$DESKTOP\${APP_NAME}.lnk"
  Delete "$SMPROGRAMS\${APP_NAME}\${APP_NAME}.lnk"
  Delete "$SMPROGRAMS\${APP_NAME}\卸载.lnk"
  RMDir "$SMPROGRAMS\${APP_NAME}"
  DeleteRegKey HKLM "${UNINSTALL_KEY}"
  SetErrorLevel 0
SectionEnd
